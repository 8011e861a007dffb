"""Several requests on one connection, and bodies that wait for a word: each is judged by itself, before its body."""

from __future__ import annotations

import pytest

from rig.account import completed, decisions, only_refused, untouched
from rig.wire import Wire, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
REFUSED = f"POST /v1/payouts HTTP/1.1\r\nHost: {HOST}\r\n"
ALLOWED = f"GET /v1/refunds HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


@pytest.mark.row("S10")
@pytest.mark.parametrize(
    "body",
    [
        "Content-Length: 2\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Content-Length: 0\r\n\r\n",
    ],
)
def test_a_second_request_behind_a_refused_one_is_judged_by_itself(exeat, mission, origin, body):
    with tunnel(exeat, mission) as wire:
        refused(wire.send(REFUSED + body + ALLOWED + REFUSED + body).response("POST"), "policy_denied")
        assert wire.response().status == 200
        refused(wire.response("POST"), "policy_denied")
    completed(origin, "/v1/refunds")
    assert [record["code"] for record in decisions(exeat, mission, 3)] == ["policy_denied", "", "policy_denied"]


@pytest.mark.row("S10", "S01")
def test_a_second_request_that_is_ambiguously_framed_has_one_record_and_ends_the_connection(exeat, mission, origin):
    both = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with tunnel(exeat, mission) as wire:
        refused(
            wire.send(f"{REFUSED}Content-Length: 0\r\n\r\n{REFUSED}{both}{ALLOWED}").response("POST"), "policy_denied"
        )
        refused(wire.response("POST"), "request_malformed", status=400)
        assert wire.response().closed
    assert [record["code"] for record in decisions(exeat, mission, 2)] == ["policy_denied", "request_malformed"]
    untouched(origin)


@pytest.mark.row("S10")
def test_the_unread_body_of_a_refused_request_is_no_request(exeat, mission, origin):
    """A whole request stands in the body of a refused one: it belongs to that one, and goes nowhere."""
    with tunnel(exeat, mission) as wire:
        refused(
            wire.send(f"{REFUSED}Content-Length: {len(ALLOWED)}\r\n\r\n{ALLOWED}").response("POST"), "policy_denied"
        )
        assert wire.request("GET", "/v1/refunds/2", host=HOST).status == 200
    completed(origin, "/v1/refunds/2")
    assert [record["path"] for record in decisions(exeat, mission, 2)] == ["/v1/payouts", "/v1/refunds/2"]


@pytest.mark.row("S10")
def test_a_body_cut_short_leaves_its_connection_to_nobody(exeat, mission, origin):
    """The rest of the announced body is still owed: what comes instead is taken for it."""
    with tunnel(exeat, mission) as wire:
        refused(wire.send(f"{REFUSED}Content-Length: 1000\r\n\r\n").response("POST"), "policy_denied")
        wire.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            wire.send(ALLOWED).response()
    only_refused(exeat, mission, "policy_denied")
    untouched(origin)


@pytest.mark.row("S10")
@pytest.mark.parametrize("line", [None, "Basic eDp5", "Bearer nonsense"])
def test_a_second_request_behind_a_refused_connect(exeat, mission, origin, line):
    """Without a valid pass there is no tunnel, so what follows isn't in one."""
    before = len(exeat.audit_records("decision"))
    with Wire(exeat) as wire:
        fields = f"Host: {HOST}:443\r\n" + (f"Proxy-Authorization: {line}\r\n" if line else "")
        answer = wire.send(f"CONNECT {HOST}:443 HTTP/1.1\r\n{fields}\r\n{ALLOWED}").response("CONNECT")
        refused(answer, "identity_missing", "identity_invalid", status=407)
        denied(wire.response())
    untouched(origin)
    codes = [record["code"] for record in exeat.audit_records("decision")[before:]]
    assert set(codes) <= {"identity_missing", "identity_invalid", "request_malformed"}


@pytest.mark.row("S10")
def test_plain_requests_in_a_row_are_each_judged_and_each_show_a_pass(exeat, mission, origin):
    line = f"Proxy-Authorization: {basic(mission['pass'])}\r\n"
    one = "GET http://plain.example.test/echo HTTP/1.1\r\nHost: plain.example.test\r\n"
    with Wire(exeat) as wire:
        wire.send(f"{one}{line}\r\n{one}\r\n")
        assert wire.response().status == 200
        refused(wire.response(), "identity_missing", status=407)
    completed(origin, "/echo")


@pytest.mark.row("S10")
def test_a_refused_stream_with_its_body_unread_leaves_the_others_alone(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", "/v1/payouts", end=False)
        wire.data(number, ALLOWED.encode() * 50, end=False)
        assert wire.request("GET", "/v1/refunds").status == 200
        wire.data(number, b"", end=True)
        refused(wire.finish(number), "policy_denied")
    completed(origin, "/v1/refunds")
    assert sorted(record["code"] for record in decisions(exeat, mission, 2)) == ["", "policy_denied"]


@pytest.mark.row("S11")
@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_a_refused_upload_is_never_invited(exeat, mission, origin, expect):
    """No 100, no dial and no byte of the body before the decision."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"{REFUSED}Expect: {expect}\r\nContent-Length: 5\r\n\r\n")
        received = wire.sock.recv(65536)
    assert received.startswith(b"HTTP/1.1 403")
    only_refused(exeat, mission, "policy_denied")
    untouched(origin)


@pytest.mark.row("S11")
def test_a_permitted_upload_is_invited_by_us_and_the_origin_is_not_asked(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert wire.sock.recv(1000).startswith(b"HTTP/1.1 100")
        assert decisions(exeat, mission)[0]["decision"] == "permit"
        assert wire.send("12345").response("POST").json()["length"] == 5
    completed(origin, "/upload")
    assert origin.last.header("expect") == []


@pytest.mark.row("S11")
@pytest.mark.parametrize("expect", ["200-ok", "100-continue, x", "", "x"])
def test_other_expectations_are_not_passed_on(exeat, mission, origin, expect):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nExpect: {expect}\r\nContent-Length: 2\r\n\r\nab")
        received = wire.sock.recv(65536)
    assert not received.startswith(b"HTTP/1.1 100")
    assert b"expect" not in origin.raw().lower()
