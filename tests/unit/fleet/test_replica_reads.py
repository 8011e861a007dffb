"""What a replica reads is never older than what it has done, and a part of it is never taken for the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exeat.clock import SystemClock
from exeat.fleet.crew import Change
from exeat.fleet.replica import Replica
from exeat.model.mission import Mission, MissionState
from exeat.ports import Applied, Changed, Confirmed, Live
from exeat.store.opening import open_store
from exeat.store.store import Store
from unit.store.kit import SQLITE, a_mission


class Crew:
    """Knows what it was told, in that order."""

    def __init__(self) -> None:
        self.known: dict[str, Mission] = {}
        self.granted = 0

    async def reload(self, missions) -> None:
        self.known = {mission.id: mission for mission in missions}

    async def change(self, mission: Mission) -> Change:
        self.known[mission.id] = mission
        return Change(mission, 0, (), (), 0.0, 0.0)

    async def settle(self, change: Change) -> Applied:
        return Applied()

    def grant(self, limit: float) -> None:
        self.granted += 1


class Watched:
    """The store's feed and replicas, each reading held back at will; ``confirmed`` is what the crew knew at each word."""

    def __init__(self, store: Store, crew: Crew) -> None:
        self.store, self.crew = store, crew
        self.may_read, self.read, self.go = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.may_read.set()
        self.go.set()
        self.confirmed: list[tuple[int, Mission | None]] = []

    async def held(self) -> None:
        self.read.set()
        await self.go.wait()

    async def changed_since(self, version: int, limit: int) -> Changed:
        await self.may_read.wait()
        changed = await self.store.changed_since(version, limit)
        await self.held()
        return changed

    async def live_and_version(self) -> Live:
        live = await self.store.live_and_version()
        await self.held()
        return live

    async def confirm(self, replica: str, seen: int) -> Confirmed:
        self.confirmed.append((seen, self.crew.known.get(a_mission(1).id)))
        return await self.store.replicas.confirm(replica, seen)

    def __getattr__(self, name: str):
        return getattr(
            self.store.replicas if hasattr(self.store.replicas, name) and name != "listen" else self.store, name
        )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(SQLITE, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def watched(store: Store) -> AsyncIterator[tuple[Watched, Replica, Crew]]:
    crew = Crew()
    watched = Watched(store, crew)
    replica = Replica("r1", "host-a", watched, watched, crew, SystemClock(), 1.0)
    await store.add(a_mission(1))
    await replica.start()
    await until(lambda: crew.granted)
    yield watched, replica, crew
    watched.go.set()
    await replica.stop()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.guard("replica-whole")
async def test_a_page_of_changes_is_not_confirmed_as_if_it_were_all(
    watched: tuple[Watched, Replica, Crew], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was suspended, and changed once more: its suspension stands behind what came in between."""
    world, _, crew = watched
    monkeypatch.setattr("exeat.fleet.replica._PAGE", 1)
    world.may_read.clear()
    suspended = await store.replace(replace(a_mission(1), state=MissionState.SUSPENDED), 0)
    for number in range(2, 5):
        await store.add(a_mission(number))
    await store.replace(replace(suspended, ticket="T"), 1)
    world.confirmed.clear()
    world.may_read.set()
    await until(lambda: len(crew.known) == 4 and crew.known[a_mission(1).id].revision == 2)
    await until(lambda: any(seen >= 6 for seen, _ in world.confirmed))
    early = [seen for seen, known in world.confirmed if seen >= 2 and known.state is MissionState.OPEN]
    assert early == []


@pytest.mark.guard("replica-newest")
async def test_what_ended_here_does_not_begin_again_by_what_was_read_before(
    watched: tuple[Watched, Replica, Crew], store: Store
) -> None:
    world, replica, crew = watched
    world.read.clear()
    world.go.clear()
    longer = await store.replace(replace(a_mission(1), expires_at=2e9), 0)
    await world.read.wait()
    ended = await store.replace(replace(longer, state=MissionState.REVOKED), 1)
    await replica.apply(ended)
    seen = []
    crew.change = lambda mission, real=crew.change: (seen.append(mission.state), real(mission))[1]
    world.go.set()
    await until(lambda: seen)
    assert set(seen) == {MissionState.REVOKED}


@pytest.mark.guard("replica-newest")
async def test_nor_by_everything_read_anew(watched: tuple[Watched, Replica, Crew], store: Store) -> None:
    world, replica, crew = watched
    world.read.clear()
    world.go.clear()
    await store.replicas.lapse(["r1"], 10)
    await world.read.wait()
    await replica.apply(await store.replace(replace(a_mission(1), state=MissionState.REVOKED), 0))
    reloaded = []
    crew.reload = lambda missions, real=crew.reload: (reloaded.append(list(missions)), real(missions))[1]
    world.go.set()
    await until(lambda: reloaded)
    assert reloaded[0] == []
