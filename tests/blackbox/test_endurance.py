"""What agents could take without asking: time, memory, connections. Every one of them is bounded, and service goes on."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from rig.wire import Wire, ask, basic, denied, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
HEAD = 1.0
CONNECTIONS = 60


def configure(config, origin):
    config.tables["proxy"]["limits"] = {"head": f"{HEAD:g}s", "idle": "2s", "connections": CONNECTIONS, "connect": "1s"}


def _closed_after(wire, limit):
    began = time.monotonic()
    wire.sock.settimeout(limit)
    with contextlib.suppress(ConnectionError):
        while wire.sock.recv(4096):
            assert time.monotonic() - began < limit
    return time.monotonic() - began


@pytest.mark.parametrize(
    "start",
    [b"", b"C", b"CONNECT api.example.test:443 HTTP/1.1\r\n", b"GET http://plain.example.test/ HTTP/1.1\r\nX: "],
)
def test_a_head_that_never_ends_is_given_up(exeat, mission, origin, start):
    """M13."""
    with Wire(exeat) as wire:
        wire.send(start)
        assert _closed_after(wire, HEAD + 4) < HEAD + 2
    assert origin.connections == []


def test_dripping_a_head_does_not_prolong_it(exeat, mission, origin):
    """M13: the deadline is for the whole head, not for the next byte."""
    with Wire(exeat) as wire:
        wire.sock.settimeout(0.2)
        began, closed = time.monotonic(), False
        while not closed and time.monotonic() - began < HEAD + 4:
            wire.send(b"X")
            try:
                closed = wire.sock.recv(4096) == b"" or closed
            except TimeoutError:
                pass
            except ConnectionError:
                closed = True
        assert time.monotonic() - began < HEAD + 2


def test_a_hello_or_an_inner_head_that_never_ends_is_given_up(exeat, mission, origin):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        assert _closed_after(wire, HEAD + 4) < HEAD + 2
    with tunnel(exeat, mission) as wire:
        wire.send(b"GET /echo HTTP/1.1\r\n")
        assert _closed_after(wire, HEAD + 4) < HEAD + 2
    assert origin.connections == []


def test_more_connections_than_allowed_wait_or_are_closed_and_service_goes_on(exeat, mission, origin):
    idle = []
    try:
        for _ in range(CONNECTIONS + 20):
            with contextlib.suppress(OSError):
                idle.append(socket.create_connection(("127.0.0.1", exeat.port), 1))
        time.sleep(0.2)
        assert exeat.admin("GET", "/healthz", token=None).status == 200
    finally:
        for each in idle:
            each.close()
    time.sleep(HEAD)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_streams_opened_and_reset_at_once_cost_nothing_lasting(exeat, mission, origin):
    """M15: rapid reset."""
    before = exeat.memory()
    with contextlib.suppress(OSError), H2Wire(exeat, mission) as wire:
        for _ in range(300):
            wire.reset(wire.open("GET", "/slow?s=5"))
        wire.pump(0.5, lambda: wire.closed)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert exeat.memory() - before < 40 * 1024 * 1024


def test_a_hundred_missions_end_together(exeat, mission, origin):
    missions = [exeat.open() for _ in range(20)]
    for each in missions:
        assert ask(exeat, each, "GET", "/v1/refunds").status == 200
    for each in missions:
        exeat.end(each)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_an_origin_that_does_not_answer_the_hello_is_given_up(exeat, mission, origin):
    with socket.create_server(("127.0.0.1", exeat.config.silent)):
        began = time.monotonic()
        answer = ask(exeat, mission, "GET", "/", host="silent.example.test")
        assert answer.code in {"upstream_unreachable", "upstream_untrusted"}
        assert time.monotonic() - began < 4


@pytest.fixture(scope="module")
def config(config):
    from rig.config import free_port

    config.silent = free_port()
    config.allow("silent.example.test", local=config.silent)
    return config


def test_a_client_that_goes_away_while_waiting_leaves_a_closed_account(exeat, mission, origin):
    """R06."""
    wire = tunnel(exeat, mission)
    wire.send(f"GET /slow?s=1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    origin.wait_for()
    wire.close()
    time.sleep(0.3)
    [decision] = exeat.audit_records("decision", mission=mission["mission"])
    [outcome] = exeat.audit_records("outcome", decision_id=decision["decision_id"])
    assert outcome["outcome"] in {"sent", "unknown"}


def test_a_never_ending_plain_request_body_is_no_head(exeat, mission, origin):
    """A permitted upload may take longer than a head may."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            time.sleep(HEAD / 4)
            wire.send(b"x")
        assert wire.response("POST").json()["length"] == 6


def test_stopping_lets_an_open_request_finish(exeat, mission, origin):
    """SIGTERM drains: what is under way ends well, nothing new begins."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /slow?s=1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        origin.wait_for()
        exeat.process.terminate()
        time.sleep(0.3)
        with contextlib.suppress(OSError), Wire(exeat, 2) as late:
            denied(late.request("GET", "http://plain.example.test/echo", f"Proxy-Authorization: {basic(mission['pass'])}",
                                host="plain.example.test"))  # fmt: skip
        assert wire.response().json() == {"slow": True}
    assert exeat.process.wait(10) == 0
    exeat.start()
