"""What missions may be opened, and what none may exceed.

Must not know: behaviour.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exeat.config.values import Day, Duration, Model, Name, Table


class CeilingsTable(Table):
    """``[ceilings]``: beside the destinations, what no mission may exceed."""

    operations: tuple[str, ...] = ()
    """Operations, groups or wildcards a mission may ask for; empty means every known one."""
    longest_life: Duration = 24 * 3600.0
    """A mission's longest life."""


class DestinationTable(Table):
    """``[[destination]]``: one entry of the admins' ceiling."""

    host: str
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 443
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    expires: Day


class MissionTemplateTable(Table):
    """``[[mission_template]]``."""

    name: Name
    destinations: tuple[str, ...]
    operations: tuple[str, ...]
    ttl: Duration = 3600.0
    agents: tuple[Name, ...] = ()
    """Agents that may act in it; empty means any."""
    purpose: str = ""
    owner: str = ""
    read_only: bool = False
    labels: dict[str, str] = {}
    models: tuple[Model, ...] = ()
    """The only models that its calls to language models may name; empty means any."""
