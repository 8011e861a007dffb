"""Promise 4, one request, one decision, one outcome: the origin saw exactly what the audit says was sent."""

from __future__ import annotations

from collections import Counter

import pytest

from rig.wire import Wire, ask, tunnel
from rig.wire_h2 import H2Wire


def _account(exeat, mission):
    ours = exeat.audit_records("decision", mission=mission["mission"])
    outcomes = [r for r in exeat.audit_records("outcome") if r["decision_id"] in {d["decision_id"] for d in ours}]
    return ours, outcomes


def test_the_audit_and_the_origin_tell_the_same_story(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        for n in range(5):
            assert wire.request("GET", f"/v1/refunds/{n}", host="api.example.test").status == 200
            assert wire.request("POST", "/v1/payouts", host="api.example.test", body=b"{}").status == 403
    with H2Wire(exeat, mission) as wire:
        numbers = [wire.open("GET", f"/v1/refunds/h2-{n}") for n in range(10)]
        assert [wire.finish(number).status for number in numbers] == [200] * 10
    ask(exeat, mission, "GET", "/v1/refunds", host="evil.example.test")
    ask(exeat, mission, "GET", "/status/500")
    origin.wait_quiet()
    exeat.stop()
    decisions, outcomes = _account(exeat, mission)
    exeat.start()
    sent = [record for record in outcomes if record["outcome"] == "sent"]
    assert len(sent) == len(origin.requests) == 16
    permits = {record["decision_id"] for record in decisions if record["decision"] == "permit"}
    assert {record["decision_id"] for record in sent} == permits
    assert max(Counter(record["decision_id"] for record in outcomes).values()) == 1
    by_id = {record["decision_id"]: record for record in decisions}
    said = Counter((by_id[r["decision_id"]]["method"], by_id[r["decision_id"]]["path"]) for r in sent)
    assert said == Counter((seen.method, seen.path) for seen in origin.requests)
    denials = [record for record in decisions if record["decision"] == "deny"]
    assert Counter(record["code"] for record in denials) == {"policy_denied": 5, "destination_not_allowed": 1}


def test_the_request_id_at_the_origin_is_the_one_in_the_audit(exeat, mission, origin):
    ask(exeat, mission, "GET", "/v1/refunds")
    decisions, _ = _account(exeat, mission)
    assert [record["request_id"] for record in decisions] == [origin.last.one("exeat-request-id")]


def test_a_refused_request_is_recorded_with_its_code_and_who_asked(exeat, mission):
    problem = ask(exeat, mission, "POST", "/v1/payouts", body=b"{}").json()
    [record] = exeat.audit_records("decision", decision_id=problem["decision_id"])
    assert (record["agent"], record["mission"], record["code"]) == (
        mission["agent"],
        mission["mission"],
        "policy_denied",
    )
    assert (record["method"], record["host"], record["path"]) == ("POST", "api.example.test", "/v1/payouts")
    assert any("no-payouts" in policy for policy in record["policies"])


def test_an_origin_that_breaks_off_is_accounted_for_as_sent_or_unknown(exeat, mission, origin):
    answer = ask(exeat, mission, "GET", "/close")
    assert not answer.complete
    origin.wait_quiet(0.3)
    _, [outcome] = _account(exeat, mission)
    assert outcome["outcome"] in {"sent", "unknown"}


def test_an_unreachable_origin_is_accounted_for_as_not_sent(exeat, mission, origin):
    assert ask(exeat, mission, "GET", "/", host="gone.example.test").code == "upstream_unreachable"
    _, [outcome] = _account(exeat, mission)
    assert outcome["outcome"] == "not_sent"


@pytest.mark.row("S10")
def test_a_pipelined_second_request_is_judged_by_itself(exeat, mission, origin):
    """S10."""
    one = "POST /v1/payouts HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 2\r\n\r\n{}"
    two = "GET /v1/refunds HTTP/1.1\r\nHost: api.example.test\r\n\r\n"
    with tunnel(exeat, mission) as wire:
        assert wire.send(one + two).response("POST").status == 403
    origin.wait_quiet()
    assert [seen.path for seen in origin.requests] in ([], ["/v1/refunds"])


def test_a_body_is_sent_as_it_came(exeat, mission, origin):
    body = bytes(range(256)) * 40
    assert ask(exeat, mission, "POST", "/upload", body=body).json()["length"] == len(body)
    assert bytes(origin.last.body) == body
    with tunnel(exeat, mission) as wire:
        wire.send(
            "POST /upload HTTP/1.1\r\nHost: api.example.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert wire.response("POST").json()["length"] == 3


@pytest.mark.row("S11")
def test_expect_continue_is_answered_only_after_the_decision(exeat, mission, origin):
    """S11: a refused upload is refused before its body is asked for."""
    with tunnel(exeat, mission) as wire:
        wire.send(
            "POST /v1/payouts HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert wire.response("POST").status == 403
    assert origin.connections == []


def configure(config, origin):
    from rig.config import free_port

    config.allow("gone.example.test", local=free_port())


def test_a_broken_head_is_refused_and_nothing_is_dialled(exeat, mission, origin):
    with Wire(exeat) as wire:
        answer = wire.send("GET  http://plain.example.test/ HTTP/1.1\r\nHost : x\r\n\r\n").response()
    assert answer.closed or 400 <= answer.status < 500
    assert origin.connections == []
