"""Missions under every order of changes, faults, crashes and clock steps: nothing lost, nothing resurrected.

Hypothesis drives a fleet (``fleet_world``) and shrinks what breaks it. After a change that takes rights away has returned,
no worker of any host would send one more byte of the mission: neither one that is cut off or stopped, nor when it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exeat.enforcement.world import World
from exeat.errors import ExeatError
from exeat.model.mission import Budget, Mission, MissionState
from exeat.store.budgets import StoredLedger
from exeat.store.store import Store
from machine.fleet_world import AD_HOC, LEASE, WORKERS, Fleet, Host

BUDGET = Budget(requests=5, cost=7, destinations=2)
BOUNDED = replace(AD_HOC, budget=BUDGET)
HOSTS = st.integers(0, 2)
MISSION = st.integers(0, 2)
VERBS = ["revoke", "close", "suspend", "resume", "extend"]
FAULTS = st.lists(
    st.tuples(
        HOSTS,
        st.sampled_from(
            ["slow 0", "slow 0.005", "slow 0.02", "slow 0.3", "down", "down", "mend", "lost", "crash", "crash"]
            + [f"{what} {worker}" for what in ("stop", "continue", "kill") for worker in range(WORKERS)]
        ),
    ),
    max_size=3,
)
DELAYS = st.sampled_from([0.0, 0.005, 0.01, 0.012, 0.05, 0.3])


class Missions(RuleBasedStateMachine):
    """What was acknowledged is the model: ``ended`` may never act again, ``suspended`` not until it is resumed."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="exeat-machine-", dir=memory if memory.is_dir() else None))
        self.fleet = Fleet(self.folder, 3)
        self.opened: list[str] = []
        self.ended: dict[str, MissionState] = {}
        self.suspended: set[str] = set()
        self.doubtful: set[str] = set()
        """Of which somebody was told that a change isn't made everywhere: where it was asked for, it is cut all the same."""
        self.until: dict[str, float] = {}
        self.revisions: dict[str, int] = {}
        self.acknowledged: list[tuple[Host, str, str]] = []
        self.sent: list[tuple[str, str, int]] = []
        """Requests that went out: of which mission, where to, at which cost."""

    def teardown(self) -> None:
        self.fleet.close()
        shutil.rmtree(self.folder)

    # --- changes -------------------------------------------------------------------------------------------------------

    def attempt(self, *work: tuple[int, str, str, float]) -> None:
        """Several changes, each at a host and after a while; what is acknowledged is noted, the rest may or may not have come."""

        async def all_of_it() -> list[Any]:
            return await asyncio.gather(
                *(self.fleet.on(host, self.ask(host, verb, mission, later)) for host, verb, mission, later in asked),
                return_exceptions=True,
            )

        asked = [(host, *how) for number, *how in work if (host := self.fleet.hosts[number]).up]
        for _, verb, mission, _ in asked:
            if verb == "resume":
                self.suspended.discard(mission)
        for (host, verb, mission, _), answer in zip(asked, self.fleet.run(all_of_it()), strict=True):
            if isinstance(answer, BaseException):
                note(f"{verb} of {mission} at {host.name}: {answer!r}")
                if not isinstance(answer, ExeatError):
                    raise answer
                if verb != "extend":
                    self.doubtful.add(mission)
                continue
            self.acknowledged.append((host, verb, mission))
            if verb in ("revoke", "close"):
                self.ended.setdefault(mission, answer.mission.state)
                assert answer.mission.state.final
            elif verb == "suspend" and not any(other == "resume" and id_ == mission for _, other, id_, _ in asked):
                self.suspended.add(mission)
            elif verb == "extend":
                self.until[mission] = max(self.until[mission], answer.mission.expires_at)

    @staticmethod
    async def ask(host: Host, verb: str, mission: str, later: float) -> Any:
        await asyncio.sleep(later)
        if verb == "extend":
            return await host.control.extend(mission, "ana", ttl=1200.0)
        return await getattr(host.control, verb)(mission, "ana")

    @initialize()
    def two_are_open(self) -> None:
        for number in (0, 1):
            self.open(number)

    @rule(number=HOSTS)
    def open(self, number: int) -> None:
        host = self.fleet.hosts[number]
        if not host.up:
            return
        try:
            opened = self.fleet.run(self.fleet.on(host, host.control.open(BOUNDED, "ana"))).mission
        except ExeatError as error:
            note(f"open at {host.name}: {error!r}")
            return
        self.opened.append(opened.id)
        self.until[opened.id] = opened.expires_at
        self.acknowledged.append((host, "open", opened.id))

    def pick(self, number: int) -> str:
        """One of the missions that nobody is known to have ended, or of all."""
        known = [mission for mission in self.opened if mission not in self.ended] or self.opened
        return known[-1 - number % len(known)]

    @rule(number=HOSTS, verb=st.sampled_from(VERBS), mission=MISSION, faults=FAULTS)
    def change(self, number: int, verb: str, mission: int, faults: list[tuple[int, str]]) -> None:
        self.fail(faults)
        self.attempt((number, verb, self.pick(mission), 0.0))

    @rule(
        mission=MISSION,
        work=st.lists(st.tuples(HOSTS, st.sampled_from(VERBS), DELAYS), min_size=2, max_size=3),
        faults=FAULTS,
    )
    def change_at_once(self, mission: int, work: list[tuple[int, str, float]], faults: list[tuple[int, str]]) -> None:
        self.fail(faults)
        picked = self.pick(mission)
        self.attempt(*((number, verb, picked, later) for number, verb, later in work))

    @rule(
        number=MISSION,
        work=st.lists(
            st.tuples(HOSTS, st.integers(0, WORKERS - 1), st.sampled_from("abc"), st.integers(1, 3), DELAYS),
            min_size=4,
            max_size=8,
        ),
    )
    def agents_act(self, number: int, work: list[tuple[int, int, str, int, float]]) -> None:
        """Several requests at once, through any workers."""
        mission = self.pick(number)
        session = f"{mission}/invoice-bot"

        async def one(number: int, worker: int, place: str, cost: int, later: float) -> None:
            await asyncio.sleep(later)
            host = self.fleet.hosts[number]
            if host.up and await host.processes[worker].act(session, mission, place, cost):
                self.sent.append((mission, place, cost))

        async def all_of_them() -> None:
            await asyncio.gather(*(one(*each) for each in work))

        self.fleet.run(all_of_them())

    # --- time and faults -------------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["passes", "is slept through", "is set"]), how=st.integers(0, 3))
    def time(self, what: str, how: int) -> None:
        if what == "passes":
            self.fleet.pass_time((0.01, 0.2, 1.0, 2.5)[how])
        elif what == "is slept through":
            self.fleet.sleep((0.7, 5.0, 300.0, 900.0)[how])
        else:
            self.fleet.clock.ahead += (-7200.0, -5.0, 0.5, 1800.0)[how]

    @rule(number=HOSTS, what=st.sampled_from(["expire_due", "end_unused"]))
    def look_for_what_is_over(self, number: int, what: str) -> None:
        host = self.fleet.hosts[number]
        if host.up:
            with contextlib.suppress(ExeatError):
                self.fleet.run(self.fleet.on(host, getattr(host.control, what)()))

    @rule(faults=FAULTS)
    def fail(self, faults: list[tuple[int, str]]) -> None:
        for number, fault in faults:
            host = self.fleet.hosts[number]
            what, _, which = fault.partition(" ")
            if what == "crash":
                if host.up:
                    self.fleet.crash(host)
                else:
                    self.fleet.run(self.fleet.on(host, host.start()))
            elif what == "slow":
                host.line.delay = float(which)
            elif what == "lost":
                host.line.lose_next = True
            elif what in ("down", "mend"):
                host.line.down = what == "down"
            elif what == "kill" and host.up:
                host.kill_worker(int(which))
            elif what == "stop":
                host.processes[int(which)].stopped = True
            elif what == "continue" and host.processes[int(which)].stopped:
                host.processes[int(which)].go_on()

    @rule()
    def all_is_mended(self) -> None:
        """Then everybody serves what the store says is open, and nothing else."""
        for host in self.fleet.hosts:
            if not host.up:
                self.fleet.run(self.fleet.on(host, host.start()))
            host.line.down = host.line.lose_next = False
            host.line.delay = 0.0
            for process in host.processes:
                if process.stopped:
                    process.go_on()
        self.fleet.pass_time(3 * LEASE)
        now = self.fleet.clock.time()
        host = self.fleet.hosts[0]
        self.fleet.run(self.fleet.on(host, host.control.expire_due()))
        assert [mission.id for mission in self.fleet.run(self.fleet.truth.live()) if mission.expires_at <= now] == []
        for mission in self.opened:
            stored = self.fleet.run(self.fleet.truth.get(mission))
            assert stored is not None, f"{mission} is lost"
            everybody = [process.name for host in self.fleet.hosts for process in host.processes]
            serving, all_of_them = set(self.fleet.serving(f"{mission}/invoice-bot")), set(everybody)
            if stored.state is not MissionState.OPEN:
                assert not serving, f"{mission} is {stored.state}"
            elif mission not in self.doubtful:
                assert serving == all_of_them, f"{mission} is open"

    # --- what always holds -------------------------------------------------------------------------------------------------

    @invariant()
    def what_may_not_act_is_served_by_nobody(self) -> None:
        for mission in {*self.ended, *self.suspended}:
            assert self.fleet.serving(f"{mission}/invoice-bot") == [], mission

    @invariant()
    def what_was_acknowledged_is_stored(self) -> None:
        for mission in self.opened:
            stored = self.fleet.run(self.fleet.truth.get(mission))
            assert stored is not None, f"{mission} is lost"
            assert stored.revision >= self.revisions.get(mission, 0)
            assert stored.expires_at >= self.until[mission]
            self.revisions[mission] = stored.revision
            if mission in self.ended:
                assert stored.state is self.ended[mission], (
                    f"{mission} was {self.ended[mission]}, and is {stored.state}"
                )
            elif stored.state.final:
                self.ended_in_store(mission, stored.state)
            elif mission in self.suspended:
                assert stored.state is MissionState.SUSPENDED

    def ended_in_store(self, mission: str, state: MissionState) -> None:
        """Once final it stays; whoever tried may not have been told."""
        self.final = getattr(self, "final", {})
        assert self.final.setdefault(mission, state) is state

    @invariant()
    def no_budget_is_exceeded(self) -> None:
        for mission in self.opened:
            sent = [(place, cost) for id_, place, cost in self.sent if id_ == mission]
            assert len(sent) <= (BUDGET.requests or 0), mission
            assert sum(cost for _, cost in sent) <= (BUDGET.cost or 0), mission
            assert len({place for place, _ in sent}) <= (BUDGET.destinations or 0), mission

    @invariant()
    def what_was_acknowledged_is_recorded(self) -> None:
        for host, verb, mission in self.acknowledged:
            assert any(each["event"] == verb and each["mission"] == mission for each in host.audit), (verb, mission)


Missions.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestMissions = Missions.TestCase


@pytest.fixture
def machine() -> Iterator[Missions]:
    made = Missions()
    made.two_are_open()
    yield made
    made.teardown()


def test_it_sees_a_worker_that_goes_on_beyond_its_lease(machine: Missions, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.change(0, "revoke", 0, [(1, "down")])
    machine.what_may_not_act_is_served_by_nobody()
    monkeypatch.setattr(World, "is_live", lambda world, session: session in world.snapshot.sessions)
    with pytest.raises(AssertionError):
        machine.what_may_not_act_is_served_by_nobody()


def test_it_sees_a_change_that_is_lost(machine: Missions, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(_: Store, mission: Mission, expected_revision: int) -> Mission:
        return replace(mission, revision=expected_revision + 1)

    monkeypatch.setattr(Store, "replace", forget)
    machine.change(0, "revoke", 0, [])
    with pytest.raises(AssertionError):
        machine.what_was_acknowledged_is_stored()


def test_it_sees_a_budget_that_is_exceeded(machine: Missions, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [(host, 0, "a", 1, 0.0) for host in (0, 1, 2)] * 3
    machine.agents_act(0, asked)
    machine.no_budget_is_exceeded()
    assert machine.sent

    async def grant(_: StoredLedger, mission: str, kind: str, wanted: int, bound: int) -> int:
        return wanted

    monkeypatch.setattr(StoredLedger, "reserve", grant)
    machine.fleet.pass_time(1.0)
    machine.agents_act(0, asked)
    with pytest.raises(AssertionError):
        machine.no_budget_is_exceeded()
