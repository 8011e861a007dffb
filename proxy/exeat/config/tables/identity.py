"""Who the agents are.

Must not know: how anything is proven.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from exeat.config.tables.proxy import EvidenceKind
from exeat.config.values import Name, Table


class IdentityTable(Table):
    """``[identity]``."""

    trust_domain: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")] = "exeat.internal"
    """The SPIFFE trust domain of this installation."""
    evidence: tuple[EvidenceKind, ...] = ("pass",)
    """What may prove who an agent is, where a listener doesn't say otherwise."""
    require: Literal["any", "all"] = "any"
    """Whether one of them is enough, or each must be there. Evidence that contradicts refuses in any case."""


class AgentTable(Table):
    """``[[agent]]``."""

    name: Name
    environment: Name
    groups: tuple[Name, ...] = ()
