"""Temporary AWS credentials of a role, narrowed by a session policy.

Must not know: how they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class Statement:
    """What one scope may do, as IAM writes it: ``resources`` and the values of ``conditions`` are templates over the resource's id.

    ``conditions`` maps an operator to keys and their values.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AwsRole(IssuerDetails):
    """Which role is assumed, where, and as whom: with a long-lived key (``ID:SECRET`` behind ``access_key``) or, without
    one, with our signed word about the agent.

    ``statements`` are by scope. ``tags`` and ``source_identity`` say what AWS is told of the session beside its name.
    """

    sts_url: str
    region: str
    role_arn: str
    statements: Mapping[str, Statement]
    access_key: str = ""
    external_id: str = ""
    tags: bool = False
    source_identity: bool = False

    def secrets(self) -> Sequence[str]:
        """The long-lived key, if there is one."""
        return (self.access_key,) if self.access_key else ()
