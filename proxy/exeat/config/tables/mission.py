"""What missions may be opened, and what none may exceed.

Must not know: behaviour.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exeat.config.values import Count, Day, Duration, Model, Name, Size, Table
from exeat.model.mission import Budget


class BudgetTable(Table):
    """``budget = { … }``: what a mission may use up, all its agents together; a kind that isn't named has no bound."""

    requests: Count | None = None
    """Permitted requests."""
    writes: Count | None = None
    """Permitted requests that do anything but read."""
    bytes: Annotated[Size, Field(ge=0, le=2**53)] | None = None
    """Of bodies and WebSocket messages, both ways together."""
    cost: Count | None = None
    """Units, as many for each request as its operation costs."""
    destinations: Count | None = None
    """Distinct hosts and ports."""

    def value(self) -> Budget:
        """The budget it describes."""
        return Budget(self.requests, self.writes, self.bytes, self.cost, self.destinations)


class CeilingsTable(Table):
    """``[ceilings]``: beside the destinations, what no mission may exceed."""

    operations: tuple[str, ...] = ()
    """Operations, groups or wildcards a mission may ask for; empty means every known one."""
    longest_life: Duration = 24 * 3600.0
    """A mission's longest life."""
    budget: BudgetTable = BudgetTable()
    """The largest budget of one mission; a mission that names none of a kind has this one."""


class DestinationTable(Table):
    """``[[destination]]``: one entry of the admins' ceiling."""

    host: str
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 443
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    ticket: str = ""
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
    idle: Duration | None = None
    """After so long without a request it ends."""
    budget: BudgetTable = BudgetTable()
    on_request: bool = False
    """Open it by itself at the first request of one of its agents that proves who it is by anything but a pass."""
