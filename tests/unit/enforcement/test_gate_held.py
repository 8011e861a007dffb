"""The gate where people are asked: nothing happens before they have answered, and their yes is judged anew, not believed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from decision_world import AGENTS, HOST, MISSION, FakeEngine
from test_gate import ME, Rig, code

from exeat.decision.snapshot import with_mission
from exeat.decision.verdict import Allowed, Denied, Held
from exeat.enforcement.admission import Waiting
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.gate import Gate
from exeat.enforcement.holding import Holding
from exeat.enforcement.refusal import Refusal
from exeat.errors import RefusalError, UnavailableError
from exeat.model.approval import ApprovalAnswer, ApprovalAsked
from exeat.model.decision import NeedBody
from exeat.model.mission import MissionState
from exeat.model.reason import Reason
from exeat.model.request import Tunnel, WireRequest

HELD = Held(("finance", "board"), ("h.cedar:1 hold",), "Ask.")


class Policy(FakeEngine):
    """Holds until both groups have approved."""

    after: Any = Allowed(("grant.cedar:1 x",))

    def judge(self, principal: Any, action: Any, resource: Any, context: Any) -> Any:
        super().judge(principal, action, resource, context)
        return self.after if context.approvals == {"finance", "board"} else HELD


class Desk:
    def __init__(self, answer: Any = None) -> None:
        self.answer = answer or ApprovalAnswer("approved", "a_1")
        self.asked: list[ApprovalAsked] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def ask(self, asked: ApprovalAsked) -> ApprovalAnswer:
        self.asked.append(asked)
        self.meanwhile()
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer == "late":
            await asyncio.sleep(30)
        return self.answer


class HeldRig(Rig):
    def __init__(self, answer: Any = None, seconds: float = 7.0) -> None:
        self.engine, self.desk = Policy(), Desk(answer)
        super().__init__(engine=self.engine)
        self.holding = Holding(seconds, 1000)
        self.holding.desk = self.desk
        self.gate: Gate
        self.gate._holding = self.holding

    async def settle(self, wire: WireRequest | None = None, body: bytes | None = None, **more: Any) -> Any:
        before = len(self.audit.records)
        waiting = self.gate.admit(ME, wire or request(), body, **more)
        assert isinstance(waiting, Waiting), waiting
        assert len(self.audit.records) == before, "recorded before anybody was asked"
        return await waiting.judge()


def request(
    *fields: tuple[bytes, bytes],
    target: str = "/v1/refunds",
    has_body: bool = False,
    version: str = "HTTP/1.1",
    **more: Any,
) -> WireRequest:
    headers = ((b"Host", HOST.encode()), *fields)
    return WireRequest(
        "POST", target.encode(), "", headers, version, Tunnel(HOST, 443, HOST), has_body=has_body, **more
    )


async def test_what_is_approved_goes_by_that_approval() -> None:
    rig = HeldRig()
    exchange = await rig.settle()
    assert isinstance(exchange, Exchange)
    assert [(record["decision"], record["approval"]) for record in rig.audit.records] == [("permit", "a_1")]
    assert rig.audit.records[0]["decision_id"] == rig.desk.asked[0].decision_id
    assert rig.desk.asked[0].groups == ("finance", "board")
    assert rig.desk.asked[0].wait == 7.0


async def test_a_body_is_asked_for_first_and_stands_in_the_question() -> None:
    rig = HeldRig()
    assert rig.gate.admit(ME, request(has_body=True)) == NeedBody(1000)
    assert isinstance(await rig.settle(request(has_body=True), b"one"), Exchange)
    assert isinstance(await rig.settle(request(has_body=True), b"two"), Exchange)
    first, second = rig.desk.asked
    assert first.binding != second.binding
    assert (first.size, first.exact) == (3, True)


async def test_a_body_that_streams_has_no_digest_and_no_exact_question() -> None:
    rig = HeldRig()
    assert isinstance(await rig.settle(request(has_body=True), b"begin", whole=False), Exchange)
    assert (rig.desk.asked[0].exact, rig.desk.asked[0].digest) == (False, "")


CHANGES: list[dict[str, Any]] = [
    {"target": "/v1/refunds?x=1"},
    {"fields": ((b"Content-Type", b"text/x"),)},
    {"fields": ((b"Content-Encoding", b"gzip"),)},
]


@pytest.mark.parametrize("change", CHANGES)
async def test_another_query_or_meaning_is_another_question(change: dict[str, Any]) -> None:
    rig = HeldRig(ApprovalAnswer("pending", "a_1"))
    fields = change.pop("fields", ())
    await rig.settle()
    await rig.settle(request(*fields, **change))
    await rig.settle(request((b"User-Agent", b"other")))
    first, changed, same = (asked.binding for asked in rig.desk.asked)
    assert changed != first == same


async def test_people_are_shown_no_long_values_of_a_query() -> None:
    rig = HeldRig()
    await rig.settle(request(target=f"/v1/refunds?force=yes&signature={'s' * 65}"))
    assert rig.desk.asked[0].query == "force=yes&signature=…"


@pytest.mark.guard("approval-judged-anew")
@pytest.mark.parametrize("change", ["policy", "mission", "draining"])
async def test_an_approval_does_not_bring_back_what_ended_meanwhile(change: str) -> None:
    rig = HeldRig()

    def meanwhile() -> None:
        if change == "policy":
            rig.engine.after = Denied(Reason.POLICY_DENIED, ("d",))
        elif change == "mission":
            over = replace(MISSION, state=MissionState.REVOKED)
            rig.world.snapshot = with_mission(rig.world.snapshot, over, AGENTS)
        else:
            rig.world.draining = True

    rig.desk.meanwhile = meanwhile
    answer = await rig.settle()
    assert code(answer) == {"policy": "policy_denied", "mission": "mission_ended", "draining": "state_stale"}[change]
    assert rig.kinds() == ["decision", "outcome"]


async def test_more_approvers_than_were_asked_is_a_refusal_and_no_second_question() -> None:
    rig = HeldRig()
    rig.engine.after = Held(("third",))
    assert code(await rig.settle()) == "approval_required"
    assert len(rig.desk.asked) == 1


async def test_where_to_ask_and_when_again_is_told() -> None:
    rig = HeldRig(ApprovalAnswer("pending", "a_1", "https://ask.example/", 9))
    answer = await rig.settle()
    assert isinstance(answer, Refusal)
    assert (b"retry-after", b"9") in answer.headers
    problem = orjson.loads(answer.body)
    assert (problem["approval_id"], problem["next_steps"][0]["url"]) == ("a_1", "https://ask.example/")
    record = rig.audit.records[0]
    assert (record["decision"], record["approval"]) == ("hold", "a_1")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ApprovalAnswer("denied", "a_1"), "approval_denied"),
        (ApprovalAnswer("void"), "approval_required"),
        (ApprovalAnswer("anything"), "approval_required"),
        (RefusalError(Reason.APPROVAL_REQUIRED), "approval_required"),
        (UnavailableError("gone"), "state_stale"),
        (RuntimeError("desk"), "internal_error"),
    ],
)
async def test_whatever_else_the_desk_says_is_a_refusal(answer: Any, expected: str) -> None:
    rig = HeldRig(answer)
    assert code(await rig.settle()) == expected
    assert rig.kinds() == ["decision", "outcome"]
    assert len(rig.desk.asked) == 1


async def test_a_desk_that_is_late_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exeat.enforcement.holding._SLACK", 0.01)
    assert code(await HeldRig("late", seconds=0.01).settle()) == "state_stale"


async def test_without_a_desk_nobody_waits() -> None:
    rig = HeldRig()
    rig.holding.desk = None
    answer = rig.gate.admit(ME, request(has_body=True))
    assert code(answer) == "approval_required"
