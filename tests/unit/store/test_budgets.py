"""Budgets: never over the bound, however many processes ask at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from exeat.model.mission import MissionState
from exeat.store.opening import open_store
from exeat.store.store import Store
from unit.store.kit import a_mission, process


@pytest.mark.guard("budget-bound")
async def test_what_is_left_is_granted_and_no_more(store: Store) -> None:
    ledger = store.ledger
    assert await ledger.reserve("m_1", "requests", 6, 10) == 6
    assert await ledger.reserve("m_1", "requests", 6, 10) == 4
    assert await ledger.reserve("m_1", "requests", 6, 10) == 0
    assert await ledger.reserve("m_1", "writes", 6, 10) == 6
    assert await ledger.reserve("m_2", "requests", 60, 10) == 10
    assert await ledger.used("m_1") == {"requests": 10, "writes": 6}
    assert await ledger.used("m_3") == {}


async def test_a_bound_that_was_lowered_grants_nothing_and_takes_nothing_back(store: Store) -> None:
    await store.ledger.reserve("m_1", "requests", 6, 10)
    for bound in (5, 6, 0, -1):
        assert await store.ledger.reserve("m_1", "requests", 2, bound) == 0
    assert await store.ledger.used("m_1") == {"requests": 6}
    assert await store.ledger.reserve("m_1", "requests", 2, 20) == 2


async def test_nonsense_counts_nothing(store: Store) -> None:
    for wanted in (0, -5):
        assert await store.ledger.reserve("m_1", "bytes", wanted, 10) == 0
        assert await store.ledger.reserve("m_2", "bytes", wanted, -10) == 0
    await store.ledger.release("m_1", "bytes", -5)
    assert await store.ledger.used("m_1") == {"bytes": 0}


async def test_what_is_given_back_can_be_had_again_and_never_more(store: Store) -> None:
    await store.ledger.reserve("m_1", "bytes", 2**40, 2**41)
    await store.ledger.release("m_1", "bytes", 2**39)
    assert await store.ledger.used("m_1") == {"bytes": 2**39}
    await store.ledger.release("m_1", "bytes", 2**50)
    assert await store.ledger.used("m_1") == {"bytes": 0}
    await store.ledger.release("m_2", "bytes", 1)
    assert await store.ledger.used("m_2") == {}


async def test_places_are_counted_once_each(store: Store) -> None:
    async def visit(host: str, port: int = 443, bound: int = 2) -> bool:
        return await store.ledger.visit("m_1", host, port, bound)

    assert [await visit("a.test"), await visit("a.test"), await visit("a.test", 8443)] == [True, True, True]
    assert [await visit("b.test"), await visit("a.test", bound=0)] == [False, True]
    assert await store.ledger.used("m_1") == {"destinations": 2}
    assert await visit("b.test", bound=3)


async def test_of_many_new_places_at_once_as_many_are_allowed_as_the_bound(
    store: Store, url: str, tmp_path: Path
) -> None:
    other = open_store(url, tmp_path)
    asked = [(number % 2, f"host-{number // 4}.test") for number in range(24)]  # six places, each asked for four times
    allowed = await asyncio.gather(*((store, other)[which].ledger.visit("m_1", host, 443, 3) for which, host in asked))
    places = {host for (_, host), yes in zip(asked, allowed, strict=True) if yes}
    assert len(places) == 3
    assert await store.ledger.used("m_1") == {"destinations": 3}
    await other.close()


async def test_activity_only_goes_forward(store: Store) -> None:
    await store.add(a_mission(1, idle=60.0, opened_at=1000.0))
    await store.add(a_mission(2, idle=None, opened_at=1000.0))
    await store.add(a_mission(3, idle=60.0, opened_at=1000.0, state=MissionState.SUSPENDED))
    assert await store.ledger.idle_missions(1059.0) == []
    assert await store.ledger.idle_missions(1060.0) == [a_mission(1).id]
    await store.ledger.activity(a_mission(1).id, 1050.0)
    await store.ledger.activities({a_mission(1).id: 1010.0, a_mission(2).id: 1010.0, "m_nobody": 1.0})
    await store.ledger.activities({})
    assert await store.ledger.idle_missions(1109.0) == []
    assert await store.ledger.idle_missions(1110.0) == [a_mission(1).id]
    await store.replace(replace(a_mission(1, idle=60.0), ticket="T"), 0)
    assert await store.ledger.idle_missions(1109.0) == [], "a change of the mission is no change of its activity"


ASKER = """
async def main(store, start):
    granted = 0
    for turn in range(40):
        got = await store.ledger.reserve("m_1", "requests", 1 + (start + turn) % 5, 150)
        granted += got
        if turn % 8 == 7 and got:
            await store.ledger.release("m_1", "requests", 1)
            granted -= 1
    print(granted)
"""


async def test_processes_together_never_get_more_than_the_bound(store: Store, url: str, tmp_path: Path) -> None:
    askers = [process(ASKER, url, tmp_path, str(number)) for number in range(3)]
    granted = [int((await asyncio.to_thread(asker.communicate, timeout=30))[0]) for asker in askers]
    used = (await store.ledger.used("m_1"))["requests"]
    assert sum(granted) == used <= 150
    assert used > 140, "they asked for more than there was"
