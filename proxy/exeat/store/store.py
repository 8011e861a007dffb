"""The store as its users see it: ``ports.MissionStore`` and ``ports.Feed``, and what lies beside missions.

Must not know: SQL, which database it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from sqlalchemy import Connection

from exeat.model.mission import Mission
from exeat.ports import Changed, Live
from exeat.store import feed, missions
from exeat.store.budgets import StoredLedger
from exeat.store.dialect import history
from exeat.store.leases import StoredLeases
from exeat.store.notices import Channel
from exeat.store.replicas import StoredReplicas
from exeat.store.runner import Runner


@final
class Store:
    """Everything durable. Every method raises UnavailableError when the database can't be used."""

    def __init__(self, runner: Runner, now: Callable[[], float]) -> None:
        self.runner = runner
        """Runs any other work function, of a table that has a file of its own."""
        self.replicas = StoredReplicas(runner, now)
        self.ledger = StoredLedger(runner)
        self.leases = StoredLeases(runner)

    async def add(self, mission: Mission) -> None:
        """See ``ports.MissionStore``."""
        await self.runner.run(missions.add, mission)

    async def add_alone(self, mission: Mission) -> None:
        """See ``ports.MissionStore``."""
        await self.runner.run(missions.add_alone, mission)

    async def replace(self, mission: Mission, expected_revision: int) -> Mission:
        """See ``ports.MissionStore``."""
        return await self.runner.run(missions.change, mission, expected_revision)

    async def get(self, mission_id: str) -> Mission | None:
        """See ``ports.MissionStore``."""
        return await self.runner.run(missions.get, mission_id)

    async def live(self) -> Sequence[Mission]:
        """See ``ports.MissionStore``."""
        return await self.runner.run(missions.live)

    async def children(self, mission_id: str) -> Sequence[Mission]:
        """See ``ports.MissionStore``."""
        return await self.runner.run(missions.children, mission_id)

    async def unfinished(self, template: str, environment: str, now: float) -> Sequence[Mission]:
        """See ``ports.MissionStore``."""
        return await self.runner.run(missions.unfinished, template, environment, now)

    async def page(self, limit: int, before: str | None = None, states: Sequence[str] = ()) -> Sequence[Mission]:
        """See ``ports.MissionStore``."""
        return await self.runner.run(missions.page, limit, before, states)

    async def feed_version(self) -> int:
        """See ``ports.Feed``."""
        return await self.runner.run(feed.version)

    async def changed_since(self, version: int, limit: int = 1000) -> Changed:
        """See ``ports.Feed``."""
        found, reached, more = await self.runner.run(missions.changed_since, version, max(1, limit))
        return Changed(found, reached, more)

    async def live_and_version(self) -> Live:
        """See ``ports.Feed``."""
        return await self.runner.run(_live_and_version)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """See ``ports.Feed``."""
        return self.runner.listen(Channel.FEED, callback)

    async def close(self) -> None:
        """Finish what is under way and let the database go; later calls raise UnavailableError."""
        await self.runner.close()


def _live_and_version(connection: Connection) -> Live:
    """The version is read first: what a later statement sees on top of it is told once more by the feed."""
    version = feed.version(connection)
    return Live(missions.live(connection), version, history(connection))
