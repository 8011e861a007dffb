"""Idle time: a mission that does nothing ends by itself; one that moves bytes does not, however long ago its last request was."""

from __future__ import annotations

import time

import pytest

from rig.wire import ask, refused, tunnel

HOST = "api.example.test"


def state(exeat, mission):
    view = exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()
    return view["state"], view["cause"]


@pytest.mark.guard("idle-counts-bytes")
@pytest.mark.guard("idle-ends")
def test_silence_ends_it_and_a_stream_that_moves_does_not(exeat, mission):
    """Three missions with the same idle time: silent, asking now and then, and one long answer."""
    silent, asking, streaming = (exeat.open(idle="1s") for _ in range(3))
    silent_stream = exeat.open(idle="1s", budget={"requests": 9})
    with tunnel(exeat, streaming) as wire, tunnel(exeat, silent_stream) as slow:
        wire.send(f"GET /sse?n=0&interval=0.3 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        slow.send(f"GET /slow?s=20 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 4.5:
            assert ask(exeat, asking, "GET", "/v1/refunds").status == 200
            time.sleep(0.6)
            if time.monotonic() - began < 0.9:
                assert state(exeat, silent) == ("open", "")
        assert state(exeat, silent) == ("expired", "idle")
        assert state(exeat, silent_stream) == ("expired", "idle"), "a stream that moves nothing is silence"
        assert state(exeat, asking) == state(exeat, streaming) == ("open", "")
    refused(ask(exeat, silent, "GET", "/v1/refunds"), "mission_ended")
    deadline = time.monotonic() + 5
    while state(exeat, streaming) == ("open", ""):
        assert time.monotonic() < deadline, "its stream is over, and nothing else happens"
        time.sleep(0.1)


def test_a_pause_is_no_silence(exeat, mission):
    """While an operator holds a mission it can't do anything; after that its idle time begins anew."""
    held = exeat.open(idle="1s")
    exeat.end(held, "suspend")
    time.sleep(2.6)
    assert state(exeat, held)[0] == "suspended"
    exeat.end(held, "resume")
    assert ask(exeat, held, "GET", "/v1/refunds").status == 200
