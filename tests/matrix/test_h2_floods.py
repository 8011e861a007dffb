"""What an HTTP/2 peer could make us do for nothing: each flood ends its own connection, in bounded memory, and nobody else's."""

from __future__ import annotations

import socket
import time

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from rig.config import allow_silent
from rig.wire import ask, refused
from rig.wire_h2 import H2Wire

pytestmark = pytest.mark.row("M15")

HOST = "api.example.test"
CALM = int(ErrorCodes.ENHANCE_YOUR_CALM)
RESETS, EMPTY = 60, 300
STREAMS_OF_AN_AGENT = 30
MEBIBYTE = 1024 * 1024


def configure(config, origin):
    allow_silent(config)
    config.tables["proxy"]["limits"] = {
        "resets": RESETS, "empty_frames": EMPTY, "agent_streams": STREAMS_OF_AN_AGENT, "streams": 100, "buffered": "12MiB",
        "head": "2s", "idle": "20s",
    }  # fmt: skip


def _ends(wire, code=CALM, limit=10.0):
    """The connection ends, with this code where the end was heard; a reset may have overtaken it."""
    assert wire.pump(limit, lambda: wire.closed), "the connection is still open"
    assert wire.goaway in {code, -1}, wire.goaway


def _request(wire):
    return [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/slow?s=5")]


@pytest.mark.guard("h2-resets")
def test_rapid_reset(exeat, mission, origin, others):
    """CVE-2023-44487: requests opened and given up at once."""
    with H2Wire(exeat, mission) as wire:
        for _ in range(20 * RESETS):
            wire.reset(wire.open("GET", "/slow?s=5"))
        _ends(wire)
    assert sum(seen.path == "/slow" for seen in origin.requests) <= 2 * RESETS


@pytest.mark.guard("h2-made-resets")
def test_streams_that_we_are_made_to_reset(exeat, mission, origin, others):
    """CVE-2025-8671: the peer breaks a rule on each stream, so that we reset it."""
    with H2Wire(exeat, mission) as wire:
        for _ in range(3 * RESETS):
            number = wire.open("GET", "/slow?s=5")
            wire.frames(WindowUpdateFrame(number, window_increment=2**31 - 1))
        _ends(wire)


def test_frames_for_a_stream_that_was_reset(exeat, mission, origin, others):
    """Each is answered with a reset: bounded like the others."""
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", "/upload", end=False)
        wire.reset(number)
        for _ in range(20 * RESETS):
            wire.frames(DataFrame(number, data=b"x"))
        assert wire.pump(10, lambda: wire.closed)


FLOODS = {
    "ping": lambda: PingFrame(0, opaque_data=b"12345678"),
    "settings": lambda: SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65535}),
    "priority": lambda: PriorityFrame(1, depends_on=0, stream_weight=7),
    "window update": lambda: WindowUpdateFrame(0, window_increment=1),
    "unasked settings ack": lambda: PingFrame(0, opaque_data=b"12345678", flags=["ACK"]),
}


@pytest.mark.guard("h2-empty-frames")
@pytest.mark.parametrize("kind", FLOODS)
def test_frames_that_carry_nothing(exeat, mission, origin, others, kind):
    """CVE-2019-9512, 9515, 9513 and kin."""
    with H2Wire(exeat, mission) as wire:
        for _ in range(40):
            wire.frames(*[FLOODS[kind]() for _ in range(EMPTY // 10)])
        _ends(wire)


@pytest.mark.guard("h2-empty-frames")
def test_empty_data(exeat, mission, origin, others):
    """CVE-2019-9518: DATA without data and without end."""
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", "/upload", end=False)
        for _ in range(40):
            wire.frames(*[DataFrame(number) for _ in range(EMPTY // 10)])
        _ends(wire)
    assert all(seen.length == 0 for seen in origin.requests)


@pytest.mark.guard("h2-header-block")
def test_a_header_block_that_never_ends(exeat, mission, origin, others):
    """CVE-2024-27316: CONTINUATION after CONTINUATION, none the last."""
    with H2Wire(exeat, mission) as wire:
        assert (
            wire.request("GET", "/v1/refunds").status == 200
        )  # the settings are agreed on: no frame of theirs comes between
        wire.frames(HeadersFrame(3, data=wire.fields(*_request(wire))))
        for _ in range(6):
            wire.frames(ContinuationFrame(3, data=b"\x00\x01a\x7f\xf1\x7e" + b"b" * 16000))
        _ends(wire)
        assert wire.goaway == CALM, "not the deadline for heads"
    assert {seen.path for seen in origin.requests} <= {"/v1/refunds"}, "only the bystander's"


def test_a_header_block_that_stops_in_the_middle(exeat, mission, origin, others):
    """The deadline for heads holds on a connection that has served before."""
    with H2Wire(exeat, mission) as wire:
        assert wire.request("GET", "/v1/refunds").status == 200
        wire.frames(HeadersFrame(3, data=wire.fields(*_request(wire))))
        began = time.monotonic()
        assert wire.pump(12, lambda: wire.closed), "still waiting for the rest"
        assert time.monotonic() - began < 10


def test_a_header_list_that_grows_by_decompression(exeat, mission, origin, others):
    """An HPACK bomb: one large entry in the table, named thousands of times by one byte each."""
    with H2Wire(exeat, mission) as wire:
        block = wire.fields(*_request(wire), ("x-bomb", "b" * 3000))
        wire.frames(HeadersFrame(1, data=block + b"\xbe" * 16000, flags=["END_HEADERS", "END_STREAM"]))
        _ends(wire)
    assert {seen.path for seen in origin.requests} <= {"/v1/refunds"}, "only the bystander's"


@pytest.mark.guard("h2-header-count")
def test_more_header_fields_than_allowed(exeat, mission, origin):
    """H14 over HTTP/2."""
    with H2Wire(exeat, mission) as wire:
        refused(
            wire.request("GET", "/v1/refunds", *[(f"x-{n}", "1") for n in range(150)]), "request_malformed", status=400
        )
        assert wire.request("GET", "/v1/refunds").status == 200
    assert len(origin.requests) == 1


def test_streams_beyond_the_connections_number(exeat, mission, origin, others):
    with H2Wire(exeat, mission) as wire:
        wire._h2.remote_settings.max_concurrent_streams = 10_000
        for _ in range(400):
            wire.open("GET", "/slow?s=5")
        assert wire.pump(10, lambda: wire.closed or any(each.error == 7 for each in wire.streams.values()))


@pytest.mark.guard("agent-streams")
def test_streams_beyond_an_agents_number_are_refused_unprocessed(exeat, mission, origin):
    """REFUSED_STREAM: a client may repeat it; what is under way goes on, and over two connections the sum counts."""
    with H2Wire(exeat, mission) as one, H2Wire(exeat, mission) as two:
        first = [one.open("GET", "/slow?s=2") for _ in range(20)]
        origin.wait_for(10)
        second = [two.open("GET", "/slow?s=2") for _ in range(20)]
        assert two.pump(8, lambda: sum(two.streams[n].reset for n in second) >= 10)
        assert {two.streams[n].error for n in second if two.streams[n].reset} == {int(ErrorCodes.REFUSED_STREAM)}
        assert all(one.finish(n).status == 200 for n in first)
        assert two.request("GET", "/v1/refunds").status == 200


@pytest.mark.guard("h2-windows")
@pytest.mark.parametrize("size", [0, 1000])
def test_answers_that_nobody_reads(exeat, mission, origin, others, size):
    """A window that never opens: what the origin sends is not piled up here."""
    with H2Wire(exeat, mission) as wire:
        wire.window(size)
        numbers = [wire.open("GET", f"/bytes?n={64 * MEBIBYTE}") for _ in range(8)]
        wire.pump(1.5, lambda: wire.closed)
        assert not wire.closed, "the origin is held back, so nothing is the matter with this connection"
        assert all(len(wire.streams[n].body) <= size for n in numbers)


@pytest.mark.guard("buffered")
def test_answers_that_nobody_reads_on_too_many_streams(exeat, mission, origin, others):
    """Each stream's window is kept, but not without end: what an agent lets pile up beyond ``buffered`` ends a connection."""
    with H2Wire(exeat, mission) as wire, H2Wire(exeat, mission) as other:
        wires = (wire, other)
        for each in wires:
            each.window(0)
        for _ in range(STREAMS_OF_AN_AGENT - 2):
            for each in wires:
                each.open("GET", f"/bytes?n={4 * MEBIBYTE}")
        assert wire.pump(5, lambda: wire.closed) or other.pump(5, lambda: other.closed)


def test_a_stream_that_is_not_read_holds_up_no_other(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        stuck = wire.open("GET", f"/bytes?n={8 * MEBIBYTE}")
        wire.generous = False
        wire.pump(0.5, lambda: False)
        assert 0 < len(wire.streams[stuck].body) < MEBIBYTE
        for _ in range(5):
            assert wire.request("GET", "/v1/refunds").status == 200
        wire.generous = True
        wire.grant(stuck, 9 * MEBIBYTE)
        assert len(wire.finish(stuck, 20).body) == 8 * MEBIBYTE


@pytest.mark.guard("h2-windows")
def test_a_body_that_its_origin_does_not_take_yet(exeat, mission, origin, others):
    """An upload to an origin that is slow to say hello waits at the agent, not here."""
    with (
        socket.create_server(("127.0.0.1", exeat.config.silent)),
        H2Wire(exeat, mission, "silent.example.test") as wire,
    ):
        numbers = [wire.open("POST", "/upload", end=False) for _ in range(20)]
        wire.pump(0.3, lambda: wire.closed)
        room = [wire.room(number) for number in numbers]
        for number in numbers:
            for _ in range(wire.room(number) // 16384):
                wire.data(number, b"x" * 16384, end=False)
        wire.pump(0.5, lambda: wire.closed)
        assert max(room) <= MEBIBYTE, "the whole of a stream's window"
        assert max(wire.room(number) for number in numbers) < 16384, "no more is granted before the origin takes some"


def test_an_unfinished_frame_is_no_leak(exeat, mission, origin, others):
    wires = [H2Wire(exeat, mission) for _ in range(5)]
    for wire in wires:
        wire._wire.send(DataFrame(1, data=b"x" * 100_000).serialize()[:90_000])
    time.sleep(0.3)
    for wire in wires:
        wire._wire.close()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_the_limits_are_not_in_the_way_of_an_eager_client(exeat, mission, origin):
    """Hundreds of requests one after the other, cancelled ones among them."""
    with H2Wire(exeat, mission) as wire:
        for number in range(200):
            if number % 10 == 9:
                wire.reset(wire.open("GET", "/slow?s=5"))
            else:
                assert wire.request("GET", "/v1/refunds").status == 200
        assert not wire.closed
