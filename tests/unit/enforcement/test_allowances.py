"""Budgets of several workers over one ledger: never more than the bound, whoever is killed; and nothing is left lying."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from dataclasses import replace

from decision_world import MISSION

from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.limits.meter import Meter
from exeat.errors import UnavailableError
from exeat.model.decision import Deny, Permit, Question
from exeat.model.mission import Budget, Mission
from exeat.model.reason import Reason
from unit.memory_ledger import MemoryLedger

PLACE = ("api.example.test", 443)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.now


class Slow:
    """A ledger that answers a little later, and not at all while it is ``gone``."""

    def __init__(self) -> None:
        self.inner = MemoryLedger()
        self.gone = False
        self.told: list[float] = []

    async def _pass(self) -> None:
        await asyncio.sleep(0)
        if self.gone:
            raise UnavailableError("gone")

    async def reserve(self, *arguments: Any) -> int:
        await self._pass()
        return await self.inner.reserve(*arguments)

    async def release(self, *arguments: Any) -> None:
        await self._pass()
        await self.inner.release(*arguments)

    async def visit(self, *arguments: Any) -> bool:
        await self._pass()
        return await self.inner.visit(*arguments)

    async def used(self, mission: str) -> Any:
        return await self.inner.used(mission)

    async def activity(self, mission: str, at: float) -> None:
        await self._pass()
        self.told.append(at)


def bounded(**budget: int) -> Mission:
    return replace(MISSION, budget=Budget(**budget))


def permit(*, writes: bool = False, cost: int = 0) -> Permit:
    return Permit(Question(), (), ("p",), writes, cost)


class Request:
    host, port = PLACE


async def charge(budgets: Budgets, mission: str = MISSION.id, body: int = 0, **cost: Any) -> Meter | Deny | None:
    """As the gate does it."""
    answer = budgets.charge(mission, permit(**cost), Request(), body)  # type: ignore[arg-type]
    if answer is None or isinstance(answer, Meter | Deny):
        paid = answer
    else:
        paid = await answer()
    if isinstance(paid, Meter):
        paid.begin()
    return paid


def worker(ledger: Any, clock: Clock, *missions: Mission) -> Budgets:
    made = Budgets(ledger, clock)
    for mission in missions:
        made.apply(mission)
    return made


async def test_a_mission_without_bounds_costs_nothing() -> None:
    budgets = worker(MemoryLedger(), Clock(), MISSION)
    assert await charge(budgets) is None


@pytest.mark.guard("lease-bound")
@pytest.mark.parametrize("bound", [0, 1, 2, 31, 64, 1000])
async def test_exactly_the_bound_for_all_workers_together(bound: int) -> None:
    ledger, clock = Slow(), Clock()
    workers = [worker(ledger, clock, bounded(requests=bound)) for _ in range(3)]
    answers: list[Any] = []
    for _ in range(bound + 5):
        answers += await asyncio.gather(*(charge(each) for each in workers))
        clock.now += 0.01
    for each in workers:  # what one of them holds unused comes back to the others
        await each.close()
        clock.now += 1.0
        answers += [await charge(each) for _ in range(bound)]
    assert sum(isinstance(answer, Meter) for answer in answers) == bound
    assert all(answer.reason is Reason.BUDGET_EXHAUSTED for answer in answers if isinstance(answer, Deny))


async def test_a_refused_permit_takes_nothing_of_any_kind() -> None:
    budgets = worker(MemoryLedger(), Clock(), bounded(requests=5, writes=1, cost=100))
    assert isinstance(await charge(budgets, writes=True, cost=1), Meter)
    for _ in range(9):
        assert isinstance(await charge(budgets, writes=True, cost=1), Deny)
    assert [isinstance(await charge(budgets), Meter) for _ in range(5)] == [True] * 4 + [False]


async def test_a_ledger_that_is_gone_refuses_and_is_no_exhaustion() -> None:
    ledger = Slow()
    budgets = worker(ledger, Clock(), bounded(requests=5))
    ledger.gone = True
    answer = await charge(budgets)
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.STATE_STALE
    ledger.gone = False
    assert isinstance(await charge(budgets), Meter)


async def test_who_gives_up_waiting_takes_nothing() -> None:
    ledger = Slow()
    budgets = worker(ledger, Clock(), bounded(requests=1))
    waiting = asyncio.create_task(charge(budgets))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert isinstance(await charge(budgets), Meter)


@pytest.mark.guard("counts-against-the-parent")
async def test_use_counts_against_every_mission_above() -> None:
    top = bounded(requests=3)
    child = replace(MISSION, id="m_2", parent=top.id, budget=Budget(requests=2))
    low = replace(MISSION, id="m_3", parent="m_2")
    budgets = worker(MemoryLedger(), Clock(), top, child, low)
    assert isinstance(await charge(budgets, "m_3"), Meter)
    assert isinstance(await charge(budgets, "m_2"), Meter)
    answer = await charge(budgets, "m_3")
    assert isinstance(answer, Deny)
    assert "m_2" in answer.detail
    assert isinstance(await charge(budgets, top.id), Meter)
    assert isinstance(await charge(budgets, top.id), Deny)


async def test_bytes_pass_up_to_the_bound_and_unpaid_ones_never() -> None:
    budgets = worker(MemoryLedger(), Clock(), bounded(bytes=100))
    meter = await charge(budgets, body=30)
    assert isinstance(meter, Meter)
    assert meter.pay(50)
    assert meter.spend(50)
    assert await meter.obtain(50) == 20
    assert not meter.spend(21)
    assert meter.spend(20)
    assert meter.lacking is not None
    meter.end()
    assert isinstance(await charge(budgets), Deny)


async def test_what_is_too_little_here_is_there_for_others_and_nobody_is_left_waiting() -> None:
    """A part that doesn't suffice goes back at once; who asks meanwhile is answered, and never that the ledger is gone."""
    ledger, clock = Slow(), Clock()
    one, two = (worker(ledger, clock, bounded(cost=5)) for _ in range(2))
    assert isinstance(await charge(one, cost=4), Meter)
    answers = await asyncio.gather(*(charge(one, cost=4) for _ in range(5)), *(charge(one) for _ in range(5)))
    assert {answer.reason for answer in answers if isinstance(answer, Deny)} == {Reason.BUDGET_EXHAUSTED}
    assert isinstance(await charge(two, cost=1), Meter)


async def test_a_last_part_taken_in_advance_is_kept_for_who_streams() -> None:
    ledger = Slow()
    budgets = worker(ledger, Clock(), bounded(bytes=100_000))
    meter = await charge(budgets)
    assert isinstance(meter, Meter)
    for _ in range(100):
        assert meter.pay(1000) or await meter.obtain(1000) == 1000
        assert meter.spend(1000)
        await asyncio.sleep(0)
    assert await meter.obtain(1) == 0


@pytest.mark.guard("idle-counts-bytes")
async def test_what_moves_is_told_and_what_lies_idle_given_back() -> None:
    ledger, clock = Slow(), Clock()
    budgets = worker(ledger, clock, replace(bounded(requests=640, bytes=10_000_000), idle=8.0))
    meter = await charge(budgets)
    assert isinstance(meter, Meter)
    for _ in range(4):
        clock.now += 1.5
        assert meter.pay(10) or await meter.obtain(10) == 10
        assert meter.spend(10)
        before = len(ledger.told)
        await budgets.tick()
        assert len(ledger.told) == before + 1
    moved = clock.now
    clock.now += 1.5
    await budgets.tick()
    clock.now += 1.5
    await budgets.tick()
    assert all(at <= moved for at in ledger.told), "silence isn't activity, though the exchange is open"
    assert dict(await ledger.used(MISSION.id)) == {"requests": 1, "bytes": 40, "destinations": 0}


_STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["ask", "ask", "ask", "send", "tick", "kill", "end", "drop"]),
        st.integers(1, 90),
    ),
    max_size=40,
)


@pytest.mark.guard("lease-bound")
@settings(max_examples=80, deadline=None)
@given(_STEPS, st.integers(0, 40), st.integers(0, 400))
def test_never_over_budget(steps: list[tuple[int, str, int]], requests: int, size: int) -> None:
    """Three workers, killed and started anew at any moment: what was spent is never more than the bound, nor than what is used."""

    async def run() -> None:
        ledger, clock = Slow(), Clock()
        mission = bounded(requests=requests, bytes=size)
        workers = [worker(ledger, clock, mission) for _ in range(3)]
        meters: list[list[Meter]] = [[], [], []]
        spent = {"requests": 0, "bytes": 0}
        for number, what, amount in steps:
            clock.now += 0.3
            if what == "ask":
                meter = await charge(workers[number])
                if isinstance(meter, Meter):
                    spent["requests"] += 1
                    meters[number].append(meter)
            elif what == "send" and meters[number]:
                meter = meters[number][-1]
                got = amount if meter.pay(amount) else await meter.obtain(amount)
                if got and meter.spend(got):
                    spent["bytes"] += got
            elif what == "tick":
                clock.now += 1.0
                await workers[number].tick()
            elif what == "end" and meters[number]:
                meters[number].pop().end()
            elif what == "drop":
                await workers[number].close()
            elif what == "kill":
                workers[number], meters[number] = worker(ledger, clock, mission), []
            used = await ledger.used(mission.id)
            for kind, bound in mission.budget.bounds().items():
                assert spent[kind] <= used.get(kind, 0) <= bound

    asyncio.run(run())
