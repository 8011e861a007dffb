"""Every way in leads through one gate: the same request gives the same decision, record and bytes at the origin."""

from __future__ import annotations

import time

import pytest

from rig.config import SHARED_KEY
from rig.wire import refused

WAYS = ["http", "https", "socks5", "transparent", "reverse", "reverse-tls"]
TUNNELS = ["http", "https", "socks5", "transparent"]
HOST = "api.example.test"
OWN = {"seq", "time", "decision_id", "request_id", "hash", "prev", "ms", "chain", "evidence", "listener"}
"""What is particular to a record itself."""
NEW = {"exeat-request-id", "traceparent", "authorization"}
"""Fields whose values are new in each request."""


def _settled(exeat, before):
    """The records of one request, once both are written."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        records = [each for each in exeat.audit_records()[before:] if each["kind"] in ("decision", "outcome")]
        if [record["kind"] for record in records] == ["decision", "outcome"]:
            return records
        time.sleep(0.02)
    raise AssertionError(records)


def _went(origin):
    """What the origin saw, byte for byte but for what is new in each request."""
    return [
        (one.method, one.target, one.version, bytes(one.body),
         [(name, "new" if name.lower() in NEW and value else value) for name, value in one.headers])
        for one in origin.requests
    ]  # fmt: skip


def _asked(doors, exeat, mission, origin, way, host, port, line, headers, body):
    """Ask by one way; return what the agent, the origin and the audit saw of it."""
    origin.clear()
    before = len(exeat.audit_records())
    method, path = line.split(" ")
    with doors.enter(way, exeat, mission, host, port) as wire:
        answer = wire.ask(method, path, *headers, body=body)
    records = [{key: value for key, value in record.items() if key not in OWN} for record in _settled(exeat, before)]
    for record in records:
        if isinstance(record.get("credential"), dict):
            record["credential"].pop("token", None)
    told = (answer.status, answer.code, b"" if answer.code or path == "/echo" else answer.body)
    return told, _went(origin), records


REQUESTS = [
    ("GET /v1/refunds", [], b""),
    ("GET /v1/refunds/7?page=2&sort=a%20b", ["Accept: application/json", "X-Request: one"], b""),
    ("POST /v1/refunds", ["Content-Type: application/json"], b'{"amount": 5}'),
    ("GET /v1/refunds/8", [f"Authorization: Bearer {SHARED_KEY}"], b""),
    ("GET /v1/refunds/9", ["Exeat-Agent: spiffe://elsewhere", "Connection: X-Gone", "X-Gone: 1", "X-Forwarded-Host: evil.example.test"], b""),
    ("GET /v1/refunds", ["Authorization: Bearer somebody-elses-key-1234567"], b""),
    ("POST /v1/payouts", [], b"{}"),
    ("GET /nowhere", [], b""),
    ("GET /v1/../echo", [], b""),
    ("GET /v1//echo", [], b""),
    ("GET /%2e%2e/echo", [], b""),
    ("get /echo", [], b""),
    ("TRACE /echo", [], b""),
    ("GET /status/500", [], b""),
    ("HEAD /echo", [], b""),
]  # fmt: skip


CASES = [
    pytest.param(way, request, id=f"{way} {request[0]}")
    for way in WAYS[1:]
    for request in REQUESTS
    # What isn't a request shows nobody, where each request shows its own pass: its record names no agent.
    if not (request[0].startswith("get") and way.startswith("reverse"))
]


@pytest.mark.parametrize(("way", "request_"), CASES)
def test_one_request_is_one_request_whatever_way_it_came(doors, exeat, mission, origin, way, request_):
    line, headers, body = request_
    same = [_asked(doors, exeat, mission, origin, each, HOST, 443, line, headers, body) for each in ("http", way)]
    assert same[1] == same[0]


@pytest.mark.parametrize("way", TUNNELS[1:])
@pytest.mark.parametrize("host", ["evil.example.test", "unchosen.example.test"])
def test_a_destination_outside_the_mission_is_refused_by_every_way(doors, exeat, mission, origin, decoy, way, host):
    same = [_asked(doors, exeat, mission, origin, each, host, 443, "GET /echo", [], b"") for each in ("http", way)]
    assert same[1] == same[0]
    assert same[0][0][:2] == (403, "destination_not_allowed")
    assert decoy.connections == []


@pytest.mark.parametrize("way", ["https", "socks5", "transparent"])
@pytest.mark.parametrize("host", ["plain.example.test", "evil.example.test"])
def test_plain_http_is_judged_alike(doors, exeat, mission, origin, way, host):
    same = [_asked(doors, exeat, mission, origin, each, host, 80, "GET /echo", [], b"") for each in ("http", way)]
    assert same[1] == same[0]


@pytest.mark.parametrize("way", TUNNELS)
def test_another_host_inside_is_refused_by_every_way(doors, exeat, mission, origin, way):
    with doors.enter(way, exeat, mission, HOST) as wire:
        refused(wire.request("GET", "/echo", host="evil.example.test"), "authority_mismatch", status=403)
    assert origin.requests == []


@pytest.mark.parametrize("way", WAYS)
def test_a_revoked_mission_is_cut_off_by_every_way(doors, exeat, mission, origin, way):
    with doors.enter(way, exeat, mission, HOST) as wire:
        wire.send(
            f"GET {wire.prefix}/drip HTTP/1.1\r\nHost: {wire.host}\r\n"
            + "".join(f"{each}\r\n" for each in wire.extra)
            + "\r\n"
        )
        origin.wait_for(1)
        exeat.end(mission)
        assert not wire.response(limit=5).complete
    deadline = time.monotonic() + 5
    while origin.requests[0].connection.closed_at is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert origin.requests[0].connection.closed_at is not None


@pytest.mark.parametrize("way", ["http", "https", "socks5", "transparent", "reverse-tls"])
def test_http2_inside_is_spoken_by_every_way(doors, exeat, mission, origin, way):
    with doors.enter(way, exeat, mission, HOST, 443, "h2") as wire:
        assert wire.sock.selected_alpn_protocol() == "h2"
