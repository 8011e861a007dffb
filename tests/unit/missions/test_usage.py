"""Usage: what ends by being idle or used up, and the near misses that must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mission_world import NOW, Clock, a_mission

from exeat.missions.usage import Usage
from exeat.model.mission import Budget, Mission, MissionState
from unit.memory_ledger import MemoryLedger

IDLE = replace(a_mission(), idle=60.0)
BOUND = replace(a_mission(), budget=Budget(requests=3, writes=1))
ID = BOUND.id


def made(*, shared: bool = False) -> tuple[Usage, Clock, MemoryLedger]:
    clock, ledger = Clock(), MemoryLedger()
    return Usage(ledger, clock, shared=shared), clock, ledger


async def idle_after(usage: Usage, clock: Clock, mission: Mission, seconds: float) -> bool:
    clock.now += seconds
    return await usage.idle([mission]) == [mission]


@pytest.mark.guard("idle-ends")
async def test_idle_is_counted_from_the_last_activity_and_never_too_early() -> None:
    usage, clock, _ = made()
    assert not await idle_after(usage, clock, IDLE, 0)
    assert not await idle_after(usage, clock, IDLE, 59)
    await usage.activity(IDLE.id, clock.now - 2)
    assert not await idle_after(usage, clock, IDLE, 57.9)
    assert not await idle_after(usage, clock, IDLE, 5), "the word of an activity may still be under way"
    assert await idle_after(usage, clock, IDLE, 2)


async def test_a_suspended_mission_is_not_idle_and_begins_anew() -> None:
    usage, clock, _ = made()
    held = replace(IDLE, state=MissionState.SUSPENDED)
    assert not await idle_after(usage, clock, IDLE, 50)
    for _ in range(9):
        assert not await idle_after(usage, clock, held, 50)
    assert not await idle_after(usage, clock, IDLE, 50)
    assert await idle_after(usage, clock, IDLE, 50)


async def test_what_another_host_has_heard_of_is_not_idle() -> None:
    usage, clock, ledger = made(shared=True)
    assert not await idle_after(usage, clock, IDLE, 0)
    assert not await idle_after(usage, clock, IDLE, 500)
    ledger.idle = [IDLE.id]
    assert await idle_after(usage, clock, IDLE, 0)


async def test_activities_are_written_together_and_not_at_each_word() -> None:
    usage, clock, ledger = made()
    clock.now += 10
    for number in range(5):
        await usage.activity(f"m_{number}", NOW + number)
    await usage.write()
    assert ledger.times == {f"m_{number}": NOW + number for number in range(5)}
    await usage.activity("m_0", NOW + 99)
    await usage.write()
    assert ledger.times["m_0"] == NOW
    clock.now += 1
    await usage.write()
    assert ledger.times["m_0"] == NOW + 99


async def test_a_mission_ends_when_nothing_is_left_and_nothing_open() -> None:
    usage, clock, _ = made()
    missions = {ID: BOUND}
    await usage.reserve(ID, "writes", 1, 1)
    await usage.reserve(ID, "requests", 2, 3)
    clock.now += 9
    assert await usage.used_up(missions) == [], "no more writes, but it may still read"
    await usage.reserve(ID, "requests", 2, 3)
    assert await usage.used_up(missions) == [], "what asked for the last one is about to begin"
    for _ in range(5):
        clock.now += 1.9
        assert await usage.used_up(missions) == []
        await usage.activity(ID, NOW)  # an exchange that is open, and silent
    clock.now += 2.1
    assert await usage.used_up(missions) == [(BOUND, "requests")]


async def test_what_is_given_back_keeps_it() -> None:
    usage, clock, _ = made()
    await usage.reserve(ID, "requests", 3, 3)
    await usage.release(ID, "requests", 1)
    clock.now += 9
    assert await usage.used_up({ID: BOUND}) == []
    await usage.reserve(ID, "requests", 1, 3)
    clock.now += 9
    assert await usage.used_up({ID: BOUND}) == [(BOUND, "requests")]
