"""What a worker takes back when it learns of changes, one at a time or all at once after it was out of touch."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from decision_world import AGENTS, MISSION, empty_snapshot
from memory_ledger import MemoryLedger
from standing_clock import StandingClock

from exeat.decision.snapshot import with_missions
from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.worker import Worker
from exeat.enforcement.world import World
from exeat.errors import Finding, PolicyError
from exeat.model.mission import MissionState
from exeat.ports import Ended

MISSIONS = {number: replace(MISSION, id=f"m_{number}") for number in range(4)}


@dataclass
class Holdings:
    """Everything a mission may hold; remembers of whom it was asked to let go."""

    cut_for: list = field(default_factory=list)
    tokens_of: list = field(default_factory=list)
    answers_of: list = field(default_factory=list)

    def cut(self, mission):
        self.cut_for.append(mission)
        return 2

    def forget(self, mission, *, ended):
        self.answers_of.append((mission, ended))

    def end(self, mission):
        self.tokens_of.append(mission)
        done = asyncio.get_running_loop().create_future()
        done.set_result(Ended(dropped=1))
        return done


@pytest.fixture
def holdings():
    return Holdings()


@pytest.fixture
def worker(holdings):
    clock = StandingClock(0.0)
    world = World(with_missions(empty_snapshot(), MISSIONS.values(), AGENTS), clock.boot)
    gate = SimpleNamespace(deviations=SimpleNamespace(forget=lambda _: None))
    parts = SimpleNamespace(world=world, registry=holdings, answers=holdings, gate=gate)
    return Worker(parts, None, holdings, clock, AGENTS, Budgets(MemoryLedger(), clock))


@pytest.mark.guard("load-ends-the-rest")
async def test_what_is_not_among_the_live_ones_has_ended(worker, holdings):
    before = worker.world.snapshot
    suspended = replace(MISSIONS[1], state=MissionState.SUSPENDED)
    new = replace(MISSION, id="m_9")
    worker.load([MISSIONS[0], suspended, new])
    after = worker.world.snapshot
    assert set(after.sessions) == {"m_0/bot", "m_1/bot", "m_9/bot"}
    assert set(after.ended) == {"m_2", "m_3"}
    assert sorted(holdings.cut_for) == sorted(holdings.tokens_of) == ["m_1", "m_2", "m_3"]
    assert sorted(holdings.answers_of) == [("m_1", False), ("m_2", True), ("m_3", True)]
    assert after.sessions["m_0/bot"] is before.sessions["m_0/bot"]
    assert [worker.world.is_live(f"m_{number}/bot") for number in (0, 1, 2, 9)] == [True, False, False, True]


async def test_the_same_again_touches_nothing(worker, holdings):
    before = dict(worker.world.snapshot.sessions)
    worker.load(list(MISSIONS.values()))
    assert dict(worker.world.snapshot.sessions) == before
    assert holdings == Holdings()


@pytest.mark.parametrize("state", [state for state in MissionState if state is not MissionState.OPEN])
async def test_one_that_may_not_act_loses_what_it_held(worker, holdings, state):
    applied = await worker.apply(replace(MISSIONS[2], state=state))
    assert (applied.connections_cut, applied.tokens_dropped) == (2, 1)
    assert holdings.cut_for == holdings.tokens_of == ["m_2"]


async def test_one_that_does_not_fit_keeps_no_other_and_is_not_served_as_it_was(worker, holdings):
    """Suspended or open: what this worker can't judge, it doesn't let act."""

    def fussy(session, mission, operations, lineage):
        if mission.purpose == "odd":
            raise PolicyError([Finding("", "it doesn't fit")])
        return session.key

    worker.world.snapshot.engine.open = fussy
    odd = [replace(MISSIONS[0], purpose="odd"), replace(MISSIONS[1], purpose="odd", state=MissionState.SUSPENDED)]
    worker.load([*odd, MISSIONS[2], replace(MISSION, id="m_9")])
    assert set(worker.world.snapshot.sessions) == {"m_2/bot", "m_9/bot"}
    assert sorted(holdings.cut_for) == ["m_0", "m_1", "m_3"]


async def test_one_that_may_goes_on_undisturbed(worker, holdings):
    await worker.apply(replace(MISSIONS[2], purpose="another", revision=1))
    assert holdings == Holdings()
    assert worker.world.snapshot.sessions["m_2/bot"].mission.purpose == "another"
