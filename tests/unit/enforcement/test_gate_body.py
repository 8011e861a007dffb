"""The gate's second stage: nothing is written, minted or promised before the body is there; then its length is ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from decision_world import AGENTS, HOST, MISSION, empty_snapshot
from test_gate import ME, Rig

from exeat.decision.snapshot import with_mission
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.refusal import Refusal
from exeat.model.decision import NeedBody
from exeat.model.reason import Reason
from exeat.model.request import Tunnel, WireRequest

BODY = b'{"model": "m"}'
OPERATIONS = [
    {"match": "POST /chat", "action": "refunds/create", "group": "write", "reader": "json", "resource": "Model",
     "captures": {"model": "/model"}},
]  # fmt: skip


@pytest.fixture
def rig():
    made = Rig()
    snapshot = empty_snapshot(operation=OPERATIONS, resource=[{"type": "Model", "id": "{model}"}])
    made.world.snapshot = with_mission(snapshot, MISSION, AGENTS)
    return made


def wire(*fields, has_body=True):
    headers = ((b"Host", HOST.encode()), (b"Content-Type", b"application/json"), *fields)
    return WireRequest("POST", b"/chat", "", headers, "HTTP/1.1", Tunnel(HOST, 443, HOST), has_body=has_body)


def lengths(exchange):
    return [field for field in exchange.headers if field[0] in (b"content-length", b"transfer-encoding")]


def test_a_body_is_asked_for_without_a_trace(rig):
    assert rig.gate.admit(ME, wire()) == NeedBody(1024 * 1024)
    assert rig.audit.records == []
    assert rig.broker.order == []


@pytest.mark.parametrize("framing", [(b"Content-Length", b"14"), (b"Transfer-Encoding", b"chunked")])
def test_whatever_framed_a_body_it_goes_with_its_length(rig, framing):
    exchange = rig.gate.admit(ME, wire(framing), BODY)
    assert isinstance(exchange, Exchange)
    assert lengths(exchange) == [(b"content-length", b"14")]
    assert [record["resource"] for record in rig.audit.records] == ['Example::Model::"m"']


def test_without_framing_the_length_is_given_too(rig):
    assert lengths(rig.gate.admit(ME, wire(), BODY)) == [(b"content-length", b"14")]


def test_an_unreadable_body_is_one_refusal_with_one_outcome(rig):
    refusal = rig.gate.admit(ME, wire(), b"{")
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.REQUEST_MALFORMED
    assert [(record["kind"], record["code"]) for record in rig.audit.records] == [
        ("decision", "request_malformed"), ("outcome", "request_malformed"),
    ]  # fmt: skip


def test_a_fault_in_a_reader_refuses(rig, monkeypatch, caplog):
    monkeypatch.setattr("exeat.decision.decide.classify_body", lambda *_: 1 / 0)
    assert rig.gate.admit(ME, wire(), BODY).reason is Reason.INTERNAL_ERROR
    assert "ZeroDivisionError" in caplog.text


def test_a_snapshot_that_changes_meanwhile_is_judged_anew(rig):
    """The second stage asks everything, as if there had been no first."""
    assert isinstance(rig.gate.admit(ME, wire()), NeedBody)
    rig.world.snapshot = with_mission(empty_snapshot(), MISSION, AGENTS)
    assert rig.gate.admit(ME, wire(), BODY).reason is Reason.OPERATION_UNKNOWN
