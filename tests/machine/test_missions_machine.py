"""Missions under every order of changes, faults, crashes and clock steps: nothing lost, nothing resurrected.

Hypothesis drives a fleet (``fleet_world``) and shrinks what breaks it. After a change that takes rights away has returned,
no worker of any host would send one more byte of the mission: neither one that is cut off or stopped, nor when it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, note, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from exeat.errors import ExeatError
from exeat.model.mission import Budget, MissionState
from machine.fleet_world import AD_HOC, LEASE, WORKERS, Fleet, Host

BUDGET = Budget(requests=5, cost=7, destinations=2)
BOUNDED = replace(AD_HOC, budget=BUDGET)
HOSTS = st.integers(0, 2)
DELAYS = st.sampled_from([0.0, 0.005, 0.01, 0.012, 0.05, 0.3])


class Missions(RuleBasedStateMachine):
    """What was acknowledged is the model: ``ended`` may never act again, ``suspended`` not until it is resumed."""

    missions = Bundle("missions")

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

    @rule(target=missions, number=HOSTS)
    def open(self, number: int) -> str:
        host = self.fleet.hosts[number]
        if not host.up:
            return ""
        try:
            opened = self.fleet.run(self.fleet.on(host, host.control.open(BOUNDED, "ana"))).mission
        except ExeatError as error:
            note(f"open at {host.name}: {error!r}")
            return ""
        self.opened.append(opened.id)
        self.until[opened.id] = opened.expires_at
        self.acknowledged.append((host, "open", opened.id))
        return opened.id

    @rule(number=HOSTS, verb=st.sampled_from(["revoke", "close", "suspend", "resume", "extend"]), mission=missions)
    def change(self, number: int, verb: str, mission: str) -> None:
        if mission:
            self.attempt((number, verb, mission, 0.0))

    @rule(
        mission=missions,
        work=st.lists(
            st.tuples(HOSTS, st.sampled_from(["revoke", "suspend", "resume", "extend"]), DELAYS), min_size=2, max_size=3
        ),
    )
    def change_at_once(self, mission: str, work: list[tuple[int, str, float]]) -> None:
        if mission:
            self.attempt(*((number, verb, mission, later) for number, verb, later in work))

    @rule(
        mission=missions,
        work=st.lists(
            st.tuples(HOSTS, st.integers(0, WORKERS - 1), st.sampled_from("abc"), st.integers(1, 3), DELAYS),
            min_size=1,
            max_size=6,
        ),
    )
    def agents_act(self, mission: str, work: list[tuple[int, int, str, int, float]]) -> None:
        """Several requests at once, through any workers."""
        session = f"{mission}/invoice-bot"

        async def one(number: int, worker: int, place: str, cost: int, later: float) -> None:
            await asyncio.sleep(later)
            host = self.fleet.hosts[number]
            if host.up and await host.processes[worker].act(session, mission, place, cost):
                self.sent.append((mission, place, cost))

        async def all_of_them() -> None:
            await asyncio.gather(*(one(*each) for each in work))

        if mission:
            self.fleet.run(all_of_them())

    @rule(number=HOSTS)
    def end_unused(self, number: int) -> None:
        host = self.fleet.hosts[number]
        if host.up:
            with contextlib.suppress(ExeatError):
                self.fleet.run(self.fleet.on(host, host.control.end_unused()))

    # --- time and faults -------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.01, 0.2, 1.0, 2.5]))
    def time_passes(self, seconds: float) -> None:
        self.fleet.pass_time(seconds)

    @rule(seconds=st.sampled_from([0.7, 5.0, 900.0]))
    def the_machine_sleeps(self, seconds: float) -> None:
        self.fleet.sleep(seconds)

    @rule(seconds=st.sampled_from([-7200.0, -5.0, 0.5, 3600.0]))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        self.fleet.clock.ahead += seconds

    @rule(number=HOSTS)
    def expire(self, number: int) -> None:
        host = self.fleet.hosts[number]
        if not host.up:
            return
        with contextlib.suppress(ExeatError):
            self.fleet.run(self.fleet.on(host, host.control.expire_due()))

    @rule(number=HOSTS, delay=DELAYS)
    def the_line_is_slow(self, number: int, delay: float) -> None:
        self.fleet.hosts[number].line.delay = delay

    @rule(number=HOSTS, down=st.booleans())
    def the_line_breaks_or_mends(self, number: int, down: bool) -> None:
        self.fleet.hosts[number].line.down = down

    @rule(number=HOSTS)
    def an_answer_of_the_store_is_lost(self, number: int) -> None:
        self.fleet.hosts[number].line.lose_next = True

    @rule(number=HOSTS)
    def a_host_crashes_or_starts(self, number: int) -> None:
        host = self.fleet.hosts[number]
        if host.up:
            self.fleet.crash(host)
        else:
            self.fleet.run(self.fleet.on(host, host.start()))

    @rule(number=HOSTS, worker=st.integers(0, WORKERS - 1), stop=st.booleans())
    def a_worker_is_stopped_or_goes_on(self, number: int, worker: int, stop: bool) -> None:
        process = self.fleet.hosts[number].processes[worker]
        if stop:
            process.stopped = True
        elif process.stopped:
            process.go_on()

    @rule(number=HOSTS, worker=st.integers(0, WORKERS - 1))
    def a_worker_is_killed(self, number: int, worker: int) -> None:
        if self.fleet.hosts[number].up:
            self.fleet.hosts[number].kill_worker(worker)

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
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestMissions = Missions.TestCase
