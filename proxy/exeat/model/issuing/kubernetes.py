"""A Kubernetes API server that issues tokens of its service accounts.

Must not know: how it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class BoundObject:
    """An object with which a token dies (``boundObjectRef``); ``uid`` may be ""."""

    kind: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class ServiceAccountTokens(IssuerDetails):
    """Whose tokens are asked for, and who we are to the API server.

    ``accounts`` maps what a request's scope says to a service account other than ``account``. ``token`` is a source
    reference; without one we sign a JWT for ``login_audience`` about ``subject``.
    """

    api_url: str
    namespace: str
    account: str
    accounts: Mapping[str, str] = field(default_factory=dict)
    bound_to: BoundObject | None = None
    token: str = ""
    login_audience: str = ""
    subject: str = ""

    def secrets(self) -> Sequence[str]:
        """Ours towards the API server, if there is one."""
        return (self.token,) if self.token else ()
