"""Missions in the store, on both databases: what is stored is durable, and what has ended stays ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from exeat.errors import ConflictError, UnavailableError
from exeat.model.mission import Mission, MissionState
from exeat.store.opening import open_store
from exeat.store.rows import from_row, to_row
from exeat.store.store import Store
from exeat.store.tables import missions
from unit.store.kit import a_mission


async def test_what_is_added_is_read_back_exactly(store: Store) -> None:
    await store.add(a_mission())
    assert await store.get(a_mission().id) == a_mission()
    assert await store.get("m_nobody") is None


async def test_missions_survive_a_restart(url: str, tmp_path: Path) -> None:
    first = open_store(url, tmp_path)
    await first.add(a_mission())
    revoked = await first.replace(replace(a_mission(), state=MissionState.REVOKED, ended_at=1_800_000_001.0), 0)
    await first.close()
    second = open_store(url, tmp_path)
    assert await second.get(a_mission().id) == revoked
    assert await second.live() == []
    await second.close()


def test_a_killed_process_loses_nothing_it_was_told_is_stored(url: str, tmp_path: Path) -> None:
    script = (
        "import asyncio, os, pathlib, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from unit.store.kit import a_mission\n"
        "from exeat.store.opening import open_store\n"
        "async def main():\n"
        "    store = open_store(sys.argv[3], pathlib.Path(sys.argv[1]))\n"
        "    await store.add(a_mission())\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path, Path(__file__).parents[2], url], timeout=30)
    assert done.returncode == -9

    async def read() -> Mission | None:
        store = open_store(url, tmp_path)
        try:
            return await store.get(a_mission().id)
        finally:
            await store.close()

    assert asyncio.run(read()) == a_mission()


async def test_an_id_is_stored_once(store: Store) -> None:
    await store.add(a_mission())
    with pytest.raises(ConflictError):
        await store.add(a_mission(purpose="another"))
    assert await store.get(a_mission().id) == a_mission()


async def test_a_change_raises_the_revision(store: Store) -> None:
    await store.add(a_mission())
    changed = await store.replace(replace(a_mission(), state=MissionState.SUSPENDED), 0)
    assert changed.revision == 1
    assert await store.get(changed.id) == changed


async def test_of_two_writers_one_is_told_it_came_late(store: Store) -> None:
    await store.add(a_mission())
    await store.replace(replace(a_mission(), state=MissionState.SUSPENDED), 0)
    with pytest.raises(ConflictError):
        await store.replace(replace(a_mission(), expires_at=1_900_000_000.0), 0)
    with pytest.raises(ConflictError):
        await store.replace(a_mission(2), 0)


async def test_of_many_concurrent_writers_over_two_stores_exactly_one_wins(url: str, tmp_path: Path) -> None:
    stores = [open_store(url, tmp_path) for _ in range(2)]
    await stores[0].add(a_mission())
    results = await asyncio.gather(
        *(stores[n % 2].replace(replace(a_mission(), ticket=f"T-{n}"), 0) for n in range(20)), return_exceptions=True
    )
    won = [result for result in results if isinstance(result, Mission)]
    assert len(won) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 19
    assert await stores[1].get(a_mission().id) == won[0]
    for each in stores:
        await each.close()


@pytest.mark.guard("ended-stays-ended")
@pytest.mark.parametrize("state", [state for state in MissionState if state.final])
async def test_what_has_ended_stays_ended_whoever_asks(store: Store, state: MissionState) -> None:
    await store.add(a_mission())
    ended = await store.replace(replace(a_mission(), state=state), 0)
    with pytest.raises(ConflictError):
        await store.replace(replace(ended, state=MissionState.OPEN), 1)
    assert await store.get(ended.id) == ended


async def test_live_missions_are_the_open_and_suspended_ones(store: Store) -> None:
    for number, state in enumerate(MissionState):
        await store.add(a_mission(number, state=state))
    assert {mission.state for mission in await store.live()} == {MissionState.OPEN, MissionState.SUSPENDED}


async def test_pages_go_from_new_to_old_without_gaps(store: Store) -> None:
    for number in range(5):
        await store.add(a_mission(number))
    first = await store.page(2)
    second = await store.page(10, first[-1].id)
    assert [mission.id for mission in (*first, *second)] == [a_mission(number).id for number in (4, 3, 2, 1, 0)]
    assert await store.page(0) == []
    assert len(await store.page(5, "'; DROP TABLE missions; --")) == 0


async def test_a_closed_store_is_unavailable(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(UnavailableError):
        await store.live()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "resurrected"),
        ("destinations", '["*.*.com:443"]'),
        ("destinations", "[1]"),
        ("agents", "not json"),
        ("operations", '"example:read"'),
        ("labels", "[]"),
        ("labels", '{"team": 1}'),
    ],
)
async def test_a_damaged_row_is_an_error_never_a_guess(store: Store, column: str, value: str) -> None:
    await store.add(a_mission())
    await store.runner.run(lambda connection: connection.execute(update(missions).values({column: value})) and None)
    with pytest.raises(UnavailableError):
        await store.get(a_mission().id)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=100, deadline=None)
@given(purpose=_TEXT, labels=st.dictionaries(_TEXT, _TEXT, max_size=4), ended=st.none() | st.floats(0, 4e9))
def test_every_mission_reads_back_from_its_row(purpose: str, labels: dict[str, str], ended: float | None) -> None:
    mission = a_mission(purpose=purpose, labels=labels, ended_at=ended)
    assert from_row(to_row(mission)) == mission


@pytest.mark.guard("delegated-by-an-open-one")
async def test_only_an_open_mission_has_new_children(store: Store) -> None:
    parent, child = a_mission(), replace(a_mission(), id="m_child", parent=a_mission().id)
    await store.add(parent)
    await store.add(child)
    assert [each.id for each in await store.children(parent.id)] == ["m_child"]
    await store.replace(replace(parent, state=MissionState.SUSPENDED), 0)
    with pytest.raises(ConflictError):
        await store.add(replace(child, id="m_late"))
    with pytest.raises(ConflictError):
        await store.add(replace(child, id="m_orphan", parent="m_nobody"))
    await store.replace(replace(child, state=MissionState.REVOKED), 0)
    assert await store.children(parent.id) == []


@pytest.mark.guard("alone-in-the-store")
async def test_one_that_opens_alone_is_the_only_one_of_its_template_and_agent(store: Store) -> None:
    """However many processes add one at once; another agent's or an ended one doesn't count."""
    first = replace(a_mission(), template="nightly")
    outcomes = await asyncio.gather(
        *(store.add_alone(replace(first, id=f"m_{number}")) for number in range(4)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(ConflictError) == 3
    await store.add_alone(replace(first, id="m_other", agents=("somebody-else",)))
    [one] = [each for each in await store.live() if each.agents == first.agents]
    await store.replace(replace(one, state=MissionState.CLOSED), 0)
    await store.add_alone(replace(first, id="m_again"))
    found = await store.unfinished("nightly", first.environment, first.opened_at)
    assert {each.id for each in found} == {one.id, "m_other", "m_again"}
    assert await store.unfinished("nightly", first.environment, first.expires_at) == []
    assert [each.id for each in await store.page(9, None, ("closed",))] == [one.id]
