"""Who the agents are.

Must not know: how anything is proven.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exeat.config.values import Name, Table


class IdentityTable(Table):
    """``[identity]``."""

    trust_domain: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")] = "exeat.internal"
    """The SPIFFE trust domain of this installation."""


class AgentTable(Table):
    """``[[agent]]``."""

    name: Name
    environment: Name
    groups: tuple[Name, ...] = ()
