"""Where one request ends and the next begins: every way to make two servers disagree about it is refused, and nothing
can be smuggled behind a permitted request. Rows S and H14 of the bypass matrix."""

from __future__ import annotations

from contextlib import suppress

import pytest

from rig.wire import denied, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def _raw(exeat, mission, data, *, host=HOST):
    with tunnel(exeat, mission, host) as wire:
        return wire.send(data).response()


@pytest.mark.parametrize("fields", [
    "Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4", "Content-Length: 4\r\nContent-Length: 5",
    "Content-Length: 4\r\nContent-Length: 4", "Content-Length: +4", "Content-Length: 4, 4", "Content-Length: 0x4", "Content-Length: -1",
    "Content-Length: 4 4", "Content-Length:", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer_Encoding: chunked\r\nContent-Length: 4", "Content-Length : 4", "Content-Length: 99999999999999999999999",
])  # fmt: skip
def test_ambiguous_framing(exeat, mission, origin, fields):
    """S01 to S03: no request is sent, so none can be smuggled behind it."""
    smuggled = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    denied(_raw(exeat, mission, f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n0\r\n\r\n{smuggled}"))
    origin.wait_quiet(0.05)
    assert b"smuggled" not in origin.raw()
    assert origin.requests == []


@pytest.mark.guard("chunk-reader")
@pytest.mark.parametrize("chunk", ["0x3\r\nabc\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n", "3_0\r\nabc\r\n0\r\n\r\n", "3\r\nabcXX0\r\n\r\n",
    "\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\n\r\n", "3\r\nabc\r\n0\r\nX-A: 1\r\n 2\r\n\r\n", "3;a\rb\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n"])  # fmt: skip
def test_odd_chunks(exeat, mission, origin, chunk):
    """S04 to S07: whatever was permitted, the body never completes and nothing follows it."""
    smuggled = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    denied(
        _raw(
            exeat,
            mission,
            f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{smuggled}",
        )
    )
    origin.wait_quiet(0.1)
    assert b"smuggled" not in origin.raw()
    assert not any(seen.complete for seen in origin.requests)


def test_a_chunk_larger_than_anything(exeat, mission, origin):
    """S04: nothing that follows such a chunk is ever a request of its own."""
    data = f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc"
    with tunnel(exeat, mission) as wire:
        wire.sock.settimeout(1)
        with suppress(TimeoutError):
            denied(wire.send(data + f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n").response())
    origin.wait_quiet(0.1)
    assert [seen.path for seen in origin.requests if seen.path != "/upload"] == []
    assert not any(seen.complete for seen in origin.requests)


@pytest.mark.parametrize(
    "trailer",
    [
        "Host: evil",
        "Content-Length: 9",
        "Authorization: Bearer x",
        "Exeat-Agent: liar",
        "exeat_mission: m",
        "Cookie: a=b",
    ],
)
def test_trailers_that_could_change_what_was_decided_never_pass(exeat, mission, origin, trailer):
    """S07: the proxy neither crashes nor lets a late field through."""
    answer = _raw(
        exeat,
        mission,
        f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n{trailer}\r\n\r\n",
    )
    assert answer.closed or 400 <= answer.status < 600
    origin.wait_quiet(0.05)
    assert all(seen.trailers == [] and not seen.complete for seen in origin.requests)


@pytest.mark.parametrize("field", ["X-A: a\rb", "X-A: a\x00b", "X-A: a\r\n folded", "X-A : a", " X-A: a", ": empty", "X(A): a", "X-A", "X-\xe9: a",
                                   "X-A: a\x01b"])  # fmt: skip
def test_odd_fields(exeat, mission, origin, field):
    """S08."""
    denied(_raw(exeat, mission, f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\n{field}\r\n\r\n"))
    origin.wait_quiet(0.05)
    assert origin.requests == []


def test_bare_line_feeds(exeat, mission, origin):
    """S08: refused, or understood in the one way the origin understands it."""
    answer = _raw(exeat, mission, f"GET /v1/payouts HTTP/1.1\nHost: {HOST}\n\n")
    denied(answer)
    assert origin.requests == []


@pytest.mark.parametrize("headers", [
    [("transfer-encoding", "chunked")], [("connection", "close")], [("upgrade", "h2c")], [("x-a", "a\r\nexeat-agent: liar")],
    [("X-Upper", "1")], [(":path", "/v1/payouts")], [("te", "gzip")], [("content-length", "7")], [("x-a", "a\x00b")], [("host", "")],
])  # fmt: skip
def test_odd_http2_fields(exeat, mission, origin, headers):
    """S09: a header of HTTP/1.1 has no place in HTTP/2."""
    with H2Wire(exeat, mission) as wire:
        denied(wire.request("GET", "/echo", *headers))
    origin.wait_quiet(0.05)
    assert origin.requests == []


@pytest.mark.parametrize("path", ["/a b", "/echo\r\nX: y", "http://evil.example.test/", "echo", ""])
def test_odd_http2_paths(exeat, mission, origin, path):
    """S09."""
    with H2Wire(exeat, mission) as wire:
        denied(wire.request("GET", path))
    assert origin.requests == []


@pytest.mark.parametrize("size", [70_000, 1_000_000])
def test_heads_are_bounded(exeat, mission, origin, size):
    """H14."""
    denied(_raw(exeat, mission, f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\nX-Big: {'a' * size}\r\n\r\n"))
    many = "".join(f"X-{n}: 1\r\n" for n in range(500))
    denied(_raw(exeat, mission, f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\n{many}\r\n"))
    assert origin.requests == []
