"""AuthZEN's questions: read as the standard says, handed on in our words, answered in its."""

from __future__ import annotations

from typing import Any

import pytest

ONE = {
    "subject": {"type": "agent", "id": "prod/invoice-bot", "properties": {"mission": "m_1", "x": 1}},
    "action": {"name": "example:refunds/get"},
    "resource": {"type": "Example::Refund", "id": "7", "properties": {"team": "red", "size": 3}},
    "context": {"host": "api.example.test", "time": "2026-11-24T00:00:00Z"},
    "extra": True,
}
DENIED = {"action": {"name": "example:refunds/create"}}


async def test_a_question_is_handed_on_and_leaves_no_record(api: Any) -> None:
    answer = await api.call("POST", "/access/v1/evaluation", ONE, X_Request_ID="q-1")
    assert (answer.status, answer.body["decision"]) == (200, True)
    assert answer.headers["X-Request-ID"] == "q-1"
    assert api.world.asked == [
        {
            "session": "", "agent": "prod/invoice-bot", "mission": "m_1", "action": "example:refunds/get",
            "kind": "Example::Refund", "resource": "7", "host": "api.example.test", "captures": {"team": "red"},
        }
    ]  # fmt: skip
    denied = await api.call("POST", "/access/v1/evaluation", ONE | DENIED)
    assert (denied.status, denied.body["decision"]) == (200, False)
    assert denied.body["context"]["reason"] == "policy_denied"
    assert api.world.records == []
    figures = (await api.call("GET", "/metrics")).body
    assert 'exeat_evaluations_total{decision="true"} 1.0' in figures
    assert 'exeat_evaluations_total{decision="false"} 1.0' in figures


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, True]),
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_several_questions_share_what_stands_outside(
    api: Any, semantic: str | None, decisions: list[bool]
) -> None:
    options = {} if semantic is None else {"options": {"evaluations_semantic": semantic}}
    several = ONE | {"evaluations": [{}, DENIED, {"resource": {"type": "Example::Refund", "id": "8"}}]} | options
    answer = await api.call("POST", "/access/v1/evaluations", several)
    assert [each["decision"] for each in answer.body["evaluations"]] == decisions
    assert [asked["resource"] for asked in api.world.asked] == ["7", "7", "8"][: len(decisions)]


async def test_no_list_of_questions_is_one_question(api: Any) -> None:
    answer = await api.call("POST", "/access/v1/evaluations", ONE)
    assert answer.body["decision"] is True
    assert "evaluations" not in answer.body


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("evaluation", {}, ["subject", "action", "resource"]),
        ("evaluation", ONE | {"subject": {"type": "user", "id": "x"}}, ["subject.type"]),
        ("evaluation", ONE | {"subject": {"type": "session", "id": ""}}, ["subject.id"]),
        ("evaluation", ONE | {"context": {"host": 1}}, ["host"]),
        ("evaluation", ONE | {"action": "read"}, ["action"]),
        (
            "evaluations",
            {"evaluations": [{}]},
            [f"evaluations[0].{name}" for name in ("subject", "action", "resource")],
        ),
        ("evaluations", ONE | {"evaluations": [{}] * 101}, ["evaluations"]),
        ("evaluations", ONE | {"options": {"evaluations_semantic": "x"}}, ["options.evaluations_semantic"]),
    ],
)
async def test_what_is_no_question_is_refused(api: Any, path: str, body: dict[str, Any], fields: list[str]) -> None:
    answer = await api.call("POST", f"/access/v1/{path}", body)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, fields)
    assert api.world.asked == []


async def test_where_to_ask_is_told_to_everybody(api: Any) -> None:
    told = await api.call("GET", "/.well-known/authzen-configuration", Authorization=None)
    assert told.body["access_evaluation_endpoint"] == "http://127.0.0.1:8081/access/v1/evaluation"
