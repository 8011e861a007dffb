"""HTTP/2 by its frames: what a library would not send. A stream or the connection ends, and no origin hears of it."""

from __future__ import annotations

import struct
from typing import ClassVar

import hpack
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from rig.account import completed, decisions, only_refused, outcome_of, untouched
from rig.wire import denied, refused
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
PSEUDO = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/echo")]


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def block(*fields, huffman=False):
    return hpack.Encoder().encode(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields], huffman
    )


def headers(*fields, stream=1, flags=("END_STREAM", "END_HEADERS")):
    return HeadersFrame(stream, block(*fields), flags=list(flags))


def refused_or_cut(exeat, mission, *frames):
    """Send frames; every stream that began is refused, or the connection ends."""
    with H2Wire(exeat, mission) as wire:
        wire.raw(*frames)
        wire.pump(5, lambda: wire.streams and all(each.ended or each.reset for each in wire.streams.values()))
        assert wire.closed or wire.streams
        for stream in wire.streams.values():
            denied(stream.response())
    only_refused(exeat, mission, "request_malformed", "authority_mismatch", "protocol_not_allowed", "operation_unknown")


@pytest.mark.row("S09")
@pytest.mark.parametrize("field", [
    ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("connection", "close"), ("connection", "exeat-agent"),
    ("keep-alive", "5"), ("proxy-connection", "close"), ("upgrade", "h2c"), ("upgrade", "websocket"), ("te", "gzip"), ("te", "trailers, deflate"),
    ("x-a", "a\r\nexeat-agent: liar"), ("x-a", "a\nb"), ("x-a", "a\rb"), ("x-a", "a\x00b"), ("x-a", " a"), ("x-a", "a "), ("x-a", "a\t"),
    ("X-Upper", "1"), ("x-a\r\nx-b", "1"), ("x-a\n", "1"), ("x a", "1"), ("x:a", "1"), ("x-a\x00", "1"), ("", "1"), ("x-\xe9", "1"),
    ("content-length", "7"), ("content-length", "0, 7"), ("content-length", "-1"), ("content-length", "+0"),
    ("host", ""), ("host", "evil.example.test"), ("host", f"{HOST}, evil.example.test"), ("content_length", "5"), ("transfer_encoding", "chunked"),
    (":path", "/v1/payouts"), (":method", "POST"), (":authority", "evil.example.test"), (":status", "200"), (":unknown", "1"),
    (":protocol", "websocket"),
])  # fmt: skip
def test_fields_that_would_break_http1_or_name_another_request(exeat, mission, origin, field):
    refused_or_cut(exeat, mission, headers(*PSEUDO, field))
    untouched(origin)


@pytest.mark.row("S09")
@pytest.mark.guard("http2-scheme")
@pytest.mark.parametrize("fields", [
    [("x-a", "b"), *PSEUDO], [*PSEUDO[:2], ("x-a", "b"), *PSEUDO[2:]], PSEUDO[1:], PSEUDO[:1] + PSEUDO[2:], PSEUDO[:3], PSEUDO[:2] + PSEUDO[3:], [],
    [*PSEUDO[:1], (":scheme", "http"), *PSEUDO[2:]], [*PSEUDO[:1], (":scheme", "ftp"), *PSEUDO[2:]], [(":method", "GET\r\nX: y"), *PSEUDO[1:]],
    [(":method", "get"), *PSEUDO[1:]], [(":method", "TRACE"), *PSEUDO[1:]], [(":method", ""), *PSEUDO[1:]], [(":method", "CONNECT"), *PSEUDO[1:]],
    [*PSEUDO[:2], (":authority", f"u@{HOST}"), PSEUDO[3]], [*PSEUDO[:2], (":authority", f"{HOST}:8443"), PSEUDO[3]],
    [*PSEUDO[:2], (":authority", f"{HOST}\r\nX: y"), PSEUDO[3]], [*PSEUDO[:2], (":authority", ""), PSEUDO[3]],
])  # fmt: skip
def test_pseudo_fields_out_of_place_or_missing_or_of_another_kind(exeat, mission, origin, fields):
    refused_or_cut(exeat, mission, headers(*fields))
    untouched(origin)


@pytest.mark.row("S09")
@pytest.mark.parametrize("path", [
    "/a b", "/echo\r\nX: y", "/echo HTTP/1.1\r\nHost: evil.example.test\r\n\r\nGET /", "/echo\n", "/echo\x00", "/echo\t", "http://evil.example.test/",
    f"https://{HOST}/echo", "//evil.example.test/", "echo", "*", "", "/echo#frag", "/\xe9", "/..%2fecho",
])  # fmt: skip
def test_paths_that_would_break_a_request_line(exeat, mission, origin, path):
    refused_or_cut(exeat, mission, headers(*PSEUDO[:3], (":path", path)))
    untouched(origin)


@pytest.mark.row("S09")
@pytest.mark.parametrize(("length", "data"), [("5", b"abc"), ("2", b"abc"), ("0", b"abc"), ("3", b"")])
def test_a_length_that_the_data_does_not_have(exeat, mission, origin, length, data):
    """RFC 9113 §8.1.1. The head may have left; the request never comes to its end."""
    post = [(":method", "POST"), *PSEUDO[1:3], (":path", "/upload"), ("content-length", length)]
    with H2Wire(exeat, mission) as wire:
        wire.raw(headers(*post, flags=["END_HEADERS"]), DataFrame(1, data, flags=["END_STREAM"]))
        wire.pump(5, lambda: wire.streams and all(each.ended or each.reset for each in wire.streams.values()))
        for stream in wire.streams.values():
            denied(stream.response())
    completed(origin, begun=("/upload",))
    for record in exeat.audit_records("decision", mission=mission["mission"]):
        assert outcome_of(exeat, record)["outcome"] in {"not_sent", "unknown"}


class Odd(Frame):
    """A frame of a type of one's own."""

    defined_flags: ClassVar = []
    type = 0x21
    stream_association = "either"

    def __init__(self, stream, body, kind=0x21, flags=()):
        super().__init__(stream, flags=flags)
        self._body, self.type = body, kind

    def serialize_body(self):
        return self._body


@pytest.mark.row("S09", "W07")
@pytest.mark.parametrize("frames", [
    [HeadersFrame(2, block(*PSEUDO), flags=["END_HEADERS", "END_STREAM"])],  # an even stream is the server's
    [DataFrame(1, b"GET /smuggled HTTP/1.1\r\n\r\n")],  # data before a head
    [HeadersFrame(1, block(*PSEUDO), flags=["END_STREAM"]), DataFrame(1, b"x")],  # a head cut by something else
    [HeadersFrame(1, block(*PSEUDO)[:5], flags=["END_STREAM"]), ContinuationFrame(3, block(*PSEUDO)[5:], flags=["END_HEADERS"])],
    [ContinuationFrame(1, block(*PSEUDO), flags=["END_HEADERS"])],
    [HeadersFrame(1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", flags=["END_HEADERS", "END_STREAM"])],  # HPACK of nobody's
    [HeadersFrame(1, b"\x7f\x80\x80\x80\x80\x80\x01", flags=["END_HEADERS", "END_STREAM"])],  # an index far beyond the table
    [PushPromiseFrame(1, 2, block(*PSEUDO), flags=["END_HEADERS"])],
    [WindowUpdateFrame(0, 2**31 - 1)],
    [SettingsFrame(0, {4: 2**31})],
    [RstStreamFrame(1, 8)],
])  # fmt: skip
def test_frames_out_of_order_end_the_connection(exeat, mission, origin, frames):
    with H2Wire(exeat, mission) as wire:
        wire.raw(*frames)
        assert wire.pump(5, lambda: False) is False
        assert wire.closed
    only_refused(exeat, mission, "request_malformed")
    untouched(origin)


@pytest.mark.row("S09")
def test_unknown_frames_and_padding_change_nothing(exeat, mission, origin):
    """RFC 9113 §4.1 and §6.1: they are dropped, and what is around them is read as it is."""
    with H2Wire(exeat, mission) as wire:
        head = HeadersFrame(1, block(*PSEUDO), pad_length=9, flags=["END_HEADERS", "END_STREAM", "PADDED"])
        wire.raw(Odd(0, b"GET /smuggled"), Odd(1, struct.pack(">I", 7)), head, Odd(1, b"x" * 100))
        assert wire.pump(5, lambda: wire.streams and wire.streams[1].ended)
        assert wire.streams[1].status == 200
    completed(origin, "/echo")
    assert b"smuggled" not in origin.raw()


@pytest.mark.row("W08")
@pytest.mark.parametrize("fields", [
    [(":method", "CONNECT"), (":protocol", "websocket"), *PSEUDO[1:]],
    [(":method", "CONNECT"), (":protocol", "connect-udp"), (":scheme", "https"), (":authority", HOST), (":path", "/.well-known/masque/udp/192.0.2.6/443/")],
    [(":method", "CONNECT"), (":protocol", "connect-ip"), *PSEUDO[1:]],
    [(":method", "CONNECT"), (":authority", "evil.example.test:443")],
    [(":method", "CONNECT"), (":authority", f"{HOST}:443")],
    [(":method", "GET"), (":protocol", "websocket"), *PSEUDO[1:]],
])  # fmt: skip
def test_tunnels_over_http2_are_refused(exeat, mission, origin, fields):
    """RFC 8441, RFC 9298: no such setting is offered, and no such stream gets anywhere."""
    with H2Wire(exeat, mission) as wire:
        wire.pump(1, lambda: wire.settings is not None)
        assert wire.settings is not None
        assert not wire.settings.get(8)
    refused_or_cut(exeat, mission, headers(*fields, flags=["END_HEADERS"]))
    untouched(origin)


@pytest.mark.row("S09")
def test_a_refused_stream_leaves_its_neighbours_alone(exeat, mission, origin):
    """What breaks only its own request ends only its own stream."""
    with H2Wire(exeat, mission) as wire:
        good = wire.open("GET", "/slow?s=0.3")
        refused(wire.request("GET", "/a b"), "request_malformed")
        refused(wire.request("GET", "/echo", ("exeat_agent", "x"), ("content_length", "3")), "request_malformed")
        assert wire.finish(good).status == 200
    completed(origin, "/slow")
    assert [record["code"] for record in decisions(exeat, mission, 3)] == ["", "request_malformed", "request_malformed"]
