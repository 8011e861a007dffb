"""The desk over a real store: it waits for people, tells at once, records each step, and refuses when it can't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from approval_kit import ASKED, GROUPS, MISSION, NOW

from exeat.approvals.desk import Approvals, Lives, Word
from exeat.approvals.errors import ApproverError
from exeat.errors import ConflictError, NotFoundError, RefusalError, UnavailableError
from exeat.model.approval import Approval, ApprovalState, Scope
from exeat.model.mission import Mission, MissionState
from exeat.model.reason import Reason
from exeat.store.approvals import StoredApprovals
from exeat.store.opening import open_store
from exeat.store.store import Store


class Clock:
    """Its time stands still, its seconds run."""

    now = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Rig:
    def __init__(self, store: Store) -> None:
        self.clock, self.records, self.told = Clock(), list[dict[str, Any]](), list[tuple[str, str]]()
        self.broken = False
        self.mission: Mission = MISSION
        self.store = StoredApprovals(store.runner)
        self.desk, self.other = self.make(), self.make()

    def make(self) -> Approvals:
        """One process's desk on the same store."""
        return Approvals(self.store, self, self, self.clock, GROUPS, Lives(600.0, 60.0, 30.0), self.notify)  # type: ignore[arg-type]

    def notify(self, event: str, approval: Approval) -> None:
        self.told.append((event, approval.id))

    def append(self, record: dict[str, Any]) -> None:
        if self.broken:
            raise RefusalError(Reason.AUDIT_UNAVAILABLE)
        self.records.append(record)

    async def get(self, _: str) -> Mission:
        return self.mission

    async def live(self) -> list[Mission]:
        return [] if self.mission.state.final else [self.mission]

    def events(self) -> list[str]:
        return [record["event"].removeprefix("approval_") for record in self.records]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = open_store("sqlite:///exeat.db", tmp_path)
    yield Rig(store)
    await store.close()


async def test_who_waits_is_answered_the_moment_somebody_approves(rig: Rig) -> None:
    waiting = asyncio.create_task(rig.desk.ask(replace(ASKED, wait=30)))
    approval = await asked(rig)
    await rig.desk.approve(approval, Word("alice", reason="fine"))
    answer = await asyncio.wait_for(waiting, 0.8)
    assert (answer.state, answer.approval) == ("approved", approval)
    assert rig.events() == ["requested", "approved", "used"]
    assert [(record["kind"], record["by"]) for record in rig.records] == [
        ("mission", ASKED.agent), ("admin", "alice"), ("mission", ASKED.agent)
    ]  # fmt: skip
    assert all("dry" not in str(record) for record in rig.records), "a query was recorded"
    assert (await rig.desk.ask(ASKED)).state == "pending", "once is once"


async def asked(rig: Rig, **changes: Any) -> str:
    """The id of the question once it is put."""
    answer = await rig.desk.ask(replace(ASKED, **changes))
    assert answer.state == "pending"
    return answer.approval


async def test_an_answer_given_in_another_process_is_found(rig: Rig) -> None:
    waiting = asyncio.create_task(rig.desk.ask(replace(ASKED, wait=30)))
    approval = await asked(rig)
    await rig.other.deny(approval, Word("bob"))
    assert (await asyncio.wait_for(waiting, 3)).state == "denied"


async def test_a_mission_that_ends_lets_everybody_go(rig: Rig) -> None:
    waiting = asyncio.create_task(rig.desk.ask(replace(ASKED, wait=30)))
    approval = await asked(rig)
    rig.mission = replace(MISSION, state=MissionState.REVOKED)
    await rig.desk.ended("m_1")
    assert (await asyncio.wait_for(waiting, 0.8)).state == "void"
    found = await rig.desk.get(approval)
    assert (found.state, found.cause) == (ApprovalState.EXPIRED, "mission")
    with pytest.raises(ConflictError):
        await rig.desk.approve(approval, Word("alice"))


@pytest.mark.guard("approval-ended")
@pytest.mark.parametrize(
    "change", [{"state": MissionState.REVOKED}, {"state": MissionState.SUSPENDED}, {"expires_at": NOW}]
)
async def test_nothing_is_approved_for_a_mission_that_is_not_open(rig: Rig, change: dict[str, Any]) -> None:
    """Even where somebody approved before it ended, and nobody told the desk of its end."""
    await rig.desk.approve(await asked(rig), Word("alice"), Scope.MISSION)
    rig.mission = replace(MISSION, **change)
    assert (await rig.desk.ask(ASKED)).state == "void"
    assert "used" not in rig.events()


async def test_what_lapses_is_written_down_and_can_not_be_answered(rig: Rig) -> None:
    approval = await asked(rig)
    rig.clock.now = NOW + 600
    with pytest.raises(ConflictError):
        await rig.desk.approve(approval, Word("alice"))
    await rig.desk.sweep()
    assert rig.events() == ["requested", "expired"]
    assert rig.records[-1]["cause"] == "time"
    assert rig.told == [("requested", approval), ("expired", approval)]
    assert await asked(rig) != approval


async def test_questions_that_wait_and_how_long_they_waited_are_counted(rig: Rig) -> None:
    approval = await asked(rig)
    await asked(rig, binding="another")
    assert (await rig.desk.read())["exeat_approvals_pending"] == {(): 2}
    rig.clock.now = NOW + 4
    await rig.desk.approve(approval, Word("alice"))
    rig.clock.now = NOW + 600
    await rig.desk.sweep()  # the grant lapses too, and nobody waited for that
    counts = await rig.desk.read()
    assert counts["exeat_approvals_pending"] == {(): 0}
    waited = {bound: number for (bound,), number in counts["exeat_approval_wait_seconds_bucket"].items() if number}
    assert waited == {"5": 1, "900": 1}
    assert counts["exeat_approval_wait_seconds_sum"] == {(): 604.0}


@pytest.mark.guard("approval-too-late")
async def test_the_sweep_finds_what_nobody_told(rig: Rig) -> None:
    approval = await asked(rig)
    rig.mission = replace(MISSION, state=MissionState.CLOSED)
    with pytest.raises(ConflictError):
        await rig.desk.approve(approval, Word("alice"))
    await rig.desk.sweep()
    assert rig.events() == ["requested", "expired"]


async def test_no_grant_outlives_its_mission(rig: Rig) -> None:
    approved = await rig.desk.approve(await asked(rig), Word("alice"), ttl=10**6)
    assert approved.until == MISSION.expires_at


@pytest.mark.guard("approval-flood")
async def test_an_agent_can_not_bury_a_question_among_thousands(rig: Rig) -> None:
    for number in range(20):
        await asked(rig, binding=f"{number:064}")
    with pytest.raises(RefusalError) as caught:
        await rig.desk.ask(replace(ASKED, binding="f" * 64))
    assert caught.value.reason is Reason.APPROVAL_REQUIRED
    assert (await rig.desk.ask(replace(ASKED, session="m_1/other", binding="e" * 64))).state == "pending"


async def test_nothing_is_asked_approved_or_used_unrecorded(rig: Rig) -> None:
    approval = await asked(rig)
    rig.broken = True
    with pytest.raises(UnavailableError):
        await rig.desk.approve(approval, Word("alice"))
    with pytest.raises(RefusalError):
        await rig.desk.ask(replace(ASKED, binding="f" * 64))
    assert (await rig.desk.get(approval)).state is ApprovalState.PENDING
    rig.broken = False
    await rig.desk.approve(approval, Word("alice"))
    rig.broken = True
    with pytest.raises(RefusalError) as caught:
        await rig.desk.ask(ASKED)
    assert caught.value.reason is Reason.STATE_STALE
    assert len(await rig.store.page(10)) == 1


async def test_who_may_not_and_what_is_not_there(rig: Rig) -> None:
    approval = await asked(rig)
    for name in ("mallory", "Olga"):
        with pytest.raises(ApproverError):
            await rig.desk.approve(approval, Word(name))
    with pytest.raises(NotFoundError):
        await rig.desk.deny("a_none", Word("alice"))
    assert rig.events() == ["requested"]
