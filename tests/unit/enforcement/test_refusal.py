"""A refusal is complete, fixed text, and in the forms callers read."""

from __future__ import annotations

import orjson
import pytest

from exeat.enforcement.refusal import render
from exeat.model.decision import Deny, Hold, Question
from exeat.model.reason import EXPLANATIONS, Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_complete_answer(reason: Reason) -> None:
    refusal = render(Deny(reason, detail="secret detail for the record"), "d_1")
    problem = orjson.loads(refusal.body)
    headers = dict(refusal.headers)
    assert refusal.status == problem["status"] == EXPLANATIONS[reason].status
    assert refusal.status != 401
    assert problem["code"] == problem["error"]["code"] == reason
    assert problem["decision_id"] == "d_1"
    assert problem["instance"].endswith("d_1")
    assert problem["hint"]
    assert problem["message"] == problem["error"]["message"]
    assert isinstance(problem["next_steps"], list)
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"proxy-status"].startswith(b"exeat; error=")
    assert int(headers[b"content-length"]) == len(refusal.body)
    assert b"secret detail" not in refusal.body + b"".join(headers.values())
    assert (b"proxy-authenticate" in headers) == (refusal.status == 407)


def test_a_policys_advice_is_what_the_agent_reads() -> None:
    problem = orjson.loads(render(Deny(Reason.POLICY_DENIED, advice="Ask the treasury."), "d_1").body)
    assert problem["detail"] == "Ask the treasury. (exeat policy_denied, decision d_1)"
    assert "Ask the treasury." in problem["error"]["message"]


def test_a_hold_names_who_can_approve() -> None:
    refusal = render(Hold(("security-team",), Question()), "d_1")
    problem = orjson.loads(refusal.body)
    assert problem["code"] == "approval_required"
    assert "security-team" in problem["next_steps"][0]["description"]
