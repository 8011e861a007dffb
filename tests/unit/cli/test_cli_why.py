"""`exeat why`: a decision in words, with what to do next."""

from __future__ import annotations

import orjson
import pytest

from exeat.model.reason import EXPLANATIONS, Reason

DECISION = {
    "decision_id": "d_1", "kind": "decision", "decision": "deny", "code": "policy_denied", "agent": "spiffe://x/env/prod/agent/bot",
    "mission": "m_1", "environment": "prod", "service": "example", "action": "example:refunds/create",
    "resource": 'Exeat::Service::"example"', "method": "POST", "host": "api.example.test", "path": "/v1/\x1b[2J",
    "policies": ["grant.cedar:10 mission-operations"], "credential": {"state": "placeholder", "grade": "A"}, "time": "2026-01-01T00:00:00Z",
}  # fmt: skip


def test_it_tells_who_what_where_why_and_what_next(site, stub, exeat):
    stub.answers["GET", "/v1/decisions/last"] = (
        200,
        {"decision": DECISION, "outcome": {"outcome": "not_sent", "status": 403, "ms": 1.5}},
    )
    code, out, err = exeat("why")
    assert (code, err) == (0, "")
    for text in (
        "DENY", "POST api.example.test/v1/", "agent/bot", "m_1", "example:refunds/create", "grant.cedar:10 mission-operations",
        "placeholder, swapped", "A: narrowed", "nothing was sent; answered 403 in 1.5 ms", EXPLANATIONS[Reason.POLICY_DENIED].hint,
        "exeat service show example",
    ):  # fmt: skip
        assert text in out
    assert "\x1b" not in out


def test_json_is_the_apis_answer(site, stub, exeat):
    answer = {"decision": DECISION, "outcome": None}
    stub.answers["GET", "/v1/decisions/d_1"] = (200, answer)
    assert orjson.loads(exeat("why", "d_1", "--json")[1]) == answer


@pytest.mark.parametrize(
    "decision",
    [
        {},
        {"code": "a_code_of_tomorrow", "decision": "deny"},
        {**DECISION, "decision": "permit", "code": ""},
        {"credential": "x"},
        {"policies": None},
    ],
)
@pytest.mark.parametrize("outcome", [None, {}, {"outcome": "unknown"}, {"outcome": "new"}])
def test_no_record_is_too_strange_to_show(site, stub, exeat, decision, outcome):
    stub.answers["GET", "/v1/decisions/last"] = (200, {"decision": decision, "outcome": outcome})
    assert exeat("why", "last")[0] == 0


def test_an_unknown_decision_is_not_found(site, stub, exeat):
    assert exeat("why", "d_404")[0] == 1
