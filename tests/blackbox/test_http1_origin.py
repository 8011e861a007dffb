"""An origin that speaks HTTP/1.1 only, behind clients that speak HTTP/2: what is translated stays one request each."""

from __future__ import annotations

import pytest

from rig.origin import Origin
from rig.wire import denied, tunnel
from rig.wire_h2 import H2Wire


@pytest.fixture(scope="module")
def origin(authority):
    with Origin(authority, "*.example.test", h2=False) as running:
        yield running


def test_streams_become_requests_of_their_own(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        numbers = [wire.open("GET", f"/v1/refunds/{n}") for n in range(5)]
        assert [wire.finish(number).status for number in numbers] == [200] * 5
    assert sorted(seen.target for seen in origin.requests) == [f"/v1/refunds/{n}" for n in range(5)]
    assert {seen.version for seen in origin.requests} == {"HTTP/1.1"}
    assert all(seen.one("host") == "api.example.test" for seen in origin.requests)


@pytest.mark.parametrize("length", ["7", "0, 7", "x", "-1"])
def test_a_length_without_a_body_can_not_swallow_the_next_request(exeat, mission, origin, length):
    """S09, RFC 9113 §8.1.1: the origin would wait for bytes and take the next request for a body."""
    with H2Wire(exeat, mission) as wire:
        first = wire.open("GET", "/echo", ("content-length", length))
        second = wire.open("GET", "/v1/refunds/second")
        denied(wire.finish(first, 3))
        if not wire.closed:
            wire.finish(second, 3)
    origin.wait_quiet(0.1)
    assert [seen.target for seen in origin.requests] in ([], ["/v1/refunds/second"])
    assert all(b"GET " not in bytes(seen.body) for seen in origin.requests)


def test_a_body_longer_or_shorter_than_its_length_is_not_forwarded_whole(exeat, mission, origin):
    for length in ("3", "9"):
        with H2Wire(exeat, mission) as wire:
            number = wire.open("POST", "/upload", ("content-length", length), end=False)
            wire.data(number, b"sixsix")
            denied(wire.finish(number, 3))
    origin.wait_quiet(0.1)
    assert not any(seen.complete and seen.length != int(seen.one("content-length")) for seen in origin.requests)


def test_a_reset_stream_ends_at_the_origin(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        number = wire.open("GET", "/drip")
        assert wire.pump(5, lambda: wire.streams[number].body)
        wire.reset(number)
        wire.pump(0.5, lambda: origin.connections[-1].closed_at)
        assert wire.request("GET", "/v1/refunds").status == 200
    assert origin.requests[0].connection.closed_at is not None


def test_a_response_nobody_asked_for_never_answers_the_next_request(exeat, mission, origin):
    """S12: response queue poisoning."""
    with tunnel(exeat, mission) as wire:
        assert wire.request("GET", "/extra", host="api.example.test").body == b"ok"
        origin.wait_quiet(0.05)
        after = wire.request("GET", "/v1/refunds", host="api.example.test")
    assert b"poisoned" not in after.body
    assert after.closed or after.status >= 500 or after.json()["path"] == "/v1/refunds"


def test_clients_of_http1_reuse_one_connection(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        for _ in range(3):
            assert wire.request("GET", "/v1/refunds", host="api.example.test").status == 200
    assert len(origin.connections) == 1
