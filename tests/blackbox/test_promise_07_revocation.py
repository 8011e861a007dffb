"""Promise 7, bounded revocation: when the call returns, no further byte of the mission is handed to any origin."""

from __future__ import annotations

import threading
import time

import pytest

from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"


WORLD = {"mint": True}


def _quiet_after(origin, moment):
    """Nothing arrived at the origin after ``moment``, give or take the kernel's own hand-over."""
    origin.wait_quiet()
    late = [seen for seen in origin.connections if (seen.last_byte_at or 0) > moment + 0.02]
    assert late == []


@pytest.mark.row("R03")
@pytest.mark.parametrize("verb", ["revoke", "close"])
@pytest.mark.guard("revoke-reset")
def test_an_open_stream_is_cut(exeat, mission, origin, verb):
    """R03."""
    wire = tunnel(exeat, mission)
    wire.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    seen = origin.wait_for()
    time.sleep(0.3)
    started = time.monotonic()
    figures = exeat.end(mission, verb)
    returned = time.monotonic()
    answer = wire.response()
    cut = time.monotonic()
    wire.close()
    assert answer.status in {0, 200}
    assert not answer.complete
    assert cut - returned < 0.5, f"the stream went on for {cut - returned:.3f} s; {figures}"
    _quiet_after(origin, returned)
    assert seen.connection.closed_at is not None
    assert seen.connection.closed_at - started < 1.0


@pytest.mark.row("R02")
@pytest.mark.guard("revoke-reset")
def test_streams_of_one_http2_connection_are_cut(exeat, mission, origin):
    """R02."""
    with H2Wire(exeat, mission) as wire:
        numbers = [wire.open("GET", "/drip") for _ in range(3)]
        assert wire.pump(5, lambda: all(wire.streams[n].body for n in numbers))
        exeat.end(mission)
        returned = time.monotonic()
        assert wire.pump(1, lambda: all(wire.streams[n].reset for n in numbers)) or wire.closed
        assert time.monotonic() - returned < 0.5
    _quiet_after(origin, returned)
    assert all(seen.closed_at for seen in origin.connections)


@pytest.mark.row("R03")
@pytest.mark.guard("revoke-reset")
def test_an_upload_under_way_stops(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 50000000\r\n\r\n")
        going = threading.Event()

        def feed():
            going.set()
            for _ in range(2000):
                wire.send(b"x" * 10000)
                time.sleep(0.001)

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        going.wait(2)
        origin.wait_for()
        time.sleep(0.2)
        exeat.end(mission)
        returned = time.monotonic()
        time.sleep(0.3)
    thread.join(5)
    _quiet_after(origin, returned)
    assert not origin.last.complete
    assert origin.last.length < 50_000_000


@pytest.mark.row("R01")
def test_a_kept_connection_is_of_no_use_afterwards(exeat, mission, origin):
    """R01."""
    with tunnel(exeat, mission) as wire:
        assert wire.request("GET", "/v1/refunds", host=HOST).status == 200
        exeat.end(mission)
        answer = wire.request("GET", "/v1/refunds", host=HOST)
        assert answer.closed or answer.code == "mission_ended"
    assert len(origin.requests) == 1


def test_a_valid_pass_of_an_ended_mission_says_so(exeat, mission, origin):
    exeat.end(mission, "close")
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended", status=403)
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        refused(wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test"), "mission_ended")
    assert origin.connections == []


@pytest.mark.row("R05")
@pytest.mark.guard("stamp-recheck-after-mint")
def test_a_revocation_while_a_token_is_minted_wins(exeat, mission, origin, world):
    """R05: decided and recorded, but the token came too late."""
    world.slow_mint(True)
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /v1/refunds HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        deadline = time.monotonic() + 5
        while not world.minting():
            assert time.monotonic() < deadline, "no mint began"
            time.sleep(0.01)
        exeat.end(mission)
        world.slow_mint(False)
        answer = wire.response()
        assert answer.closed or answer.code == "mission_ended"
    origin.wait_quiet()
    assert origin.connections == []


def test_a_suspended_mission_waits_and_a_resumed_one_goes_on(exeat, mission, origin):
    exeat.end(mission, "suspend")
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_suspended", status=403)
    exeat.end(mission, "resume")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert len(origin.requests) == 1


@pytest.mark.row("R08")
def test_an_expired_mission_is_over(exeat, origin):
    short = exeat.open(ttl="1s")
    origin.clear()
    time.sleep(1.2)
    refused(ask(exeat, short, "GET", "/v1/refunds"), "mission_ended")
    assert origin.connections == []


def test_the_end_of_one_mission_leaves_others_alone(exeat, mission, origin):
    other = exeat.open(agent="report-bot")
    with tunnel(exeat, other) as wire:
        assert wire.request("GET", "/v1/refunds", host=HOST).status == 200
        exeat.end(mission)
        assert wire.request("GET", "/v1/refunds", host=HOST).status == 200


@pytest.mark.row("R12")
def test_under_load_nothing_is_sent_after_the_call_returns(exeat, mission, origin):
    """R12, in small."""
    stop = threading.Event()

    def hammer():
        while not stop.is_set():
            try:
                with tunnel(exeat, mission) as wire:
                    for _ in range(20):
                        if wire.request("GET", "/v1/refunds", host=HOST).closed:
                            break
            except (OSError, AssertionError):
                time.sleep(0.01)

    threads = [threading.Thread(target=hammer, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    origin.wait_for(30)
    exeat.end(mission)
    returned = time.monotonic()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join(10)
    _quiet_after(origin, returned)
