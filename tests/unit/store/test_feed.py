"""The feed: every write of a mission has the next number, and whoever listens hears of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from exeat.errors import ConflictError
from exeat.model.mission import MissionState
from exeat.store.opening import open_store
from exeat.store.store import Store
from exeat.store.tables import missions
from unit.store.kit import a_mission, process

WAIT = 5.0


async def heard(event: asyncio.Event, seconds: float = WAIT) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def test_each_write_has_the_next_number(store: Store) -> None:
    assert await store.feed_version() == 0
    await store.add(a_mission(1))
    await store.add(a_mission(2))
    await store.replace(replace(a_mission(1), state=MissionState.REVOKED), 0)
    assert await store.feed_version() == 3
    changed = await store.changed_since(0)
    assert [(mission.id, mission.state) for mission in changed.missions] == [
        (a_mission(2).id, MissionState.OPEN),
        (a_mission(1).id, MissionState.REVOKED),
    ]
    assert (changed.version, changed.more) == (3, False)
    assert (await store.changed_since(3)).missions == []


async def test_a_write_that_was_refused_takes_no_number(store: Store) -> None:
    await store.add(a_mission())
    for refused in (store.add(a_mission()), store.replace(a_mission(), 7)):
        with pytest.raises(ConflictError):
            await refused
    assert await store.feed_version() == 1


@pytest.mark.guard("feed-whole")
async def test_a_part_of_the_changes_is_never_called_complete(store: Store) -> None:
    """Mission 1 was written twice: who has read a part that ends between the two hasn't seen what the first one did."""
    for number in range(1, 5):
        await store.add(a_mission(number))
    await store.replace(replace(a_mission(1), state=MissionState.SUSPENDED), 0)
    first = await store.changed_since(0, 2)
    assert (len(first.missions), first.version, first.more) == (2, 3, True)
    rest = await store.changed_since(first.version, 2)
    assert ([mission.id for mission in rest.missions], rest.version, rest.more) == (
        [a_mission(4).id, a_mission(1).id],
        5,
        False,
    )


async def test_what_is_live_comes_with_its_version(store: Store) -> None:
    await store.add(a_mission(1))
    await store.add(a_mission(2, state=MissionState.REVOKED))
    live = await store.live_and_version()
    assert ([mission.id for mission in live.missions], live.version) == ([a_mission(1).id], 2)


async def test_who_listens_hears_own_writes_and_not_refused_ones(store: Store) -> None:
    told = asyncio.Event()
    stop = store.listen(told.set)
    await asyncio.sleep(0.3)
    told.clear()
    await store.add(a_mission())
    assert await heard(told)
    await asyncio.sleep(0.2)  # PostgreSQL tells it a second time
    told.clear()
    with pytest.raises(ConflictError):
        await store.add(a_mission())
    assert not await heard(told, 0.2)
    stop()
    stop()
    await store.add(a_mission(2))
    assert not await heard(told, 0.2)


async def test_who_listens_hears_the_writes_of_another_process(store: Store, url: str, tmp_path: Path) -> None:
    told = asyncio.Event()
    store.listen(told.set)
    await asyncio.sleep(0.3)
    told.clear()
    other = open_store(url, tmp_path)
    await other.add(a_mission())
    assert await heard(told)
    assert await store.feed_version() == 1
    await other.close()


async def test_a_listener_that_fails_keeps_no_other_from_hearing(store: Store) -> None:
    told = asyncio.Event()

    def fails() -> None:
        raise ValueError

    store.listen(fails)
    store.listen(told.set)
    await store.add(a_mission())
    assert await heard(told)


WRITER = """
async def main(store, first):
    from dataclasses import replace
    for number in range(first, first + 15):
        await store.add(a_mission(number))
        await store.replace(replace(a_mission(number), ticket="T"), 0)
    print("ok")
"""


async def test_numbers_are_given_in_the_order_of_commits_without_gaps(store: Store, url: str, tmp_path: Path) -> None:
    """Three processes write while this one reads on: it misses nothing, and nothing comes below what it has read."""
    writers = [process(WRITER, url, tmp_path, str(100 * number)) for number in range(3)]
    seen: dict[str, int] = {}
    version = 0
    for _ in range(2000):
        running = any(writer.poll() is None for writer in writers)
        changed = await store.changed_since(version, 7)
        assert changed.version >= version
        seen.update({mission.id: mission.revision for mission in changed.missions})
        version = changed.version
        if not running and not changed.more:
            break
        await asyncio.sleep(0.005)
    assert [writer.communicate(timeout=10)[0].strip() for writer in writers] == ["ok"] * 3
    assert version == 3 * 15 * 2
    assert (len(seen), set(seen.values())) == (45, {1})
    numbers = await store.runner.run(lambda connection: list(connection.execute(select(missions.c.changed)).scalars()))
    assert len(set(numbers)) == 45
