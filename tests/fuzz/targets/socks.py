"""SOCKS5: any bytes are a greeting that is written in one way, or refused; however they arrive."""

from __future__ import annotations

import ipaddress

from exeat.decision.normalize import connect_target
from exeat.enforcement.ways.socks import Reply, Socks
from fuzz.kit.pieces import in_pieces

TOKENS = (
    b"\x05\x01\x00", b"\x05\x01\x02", b"\x05\x02\x00\x02", b"\x05\xff", b"\x04\x01", b"\x01\x01u\x01p", b"\x01\x00\x00", b"\x05\x01\x00\x03", b"\x05\x02\x00\x03", b"\x05\x03\x00\x03",
    b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\xbb", b"\x05\x01\x00\x04" + b"\0" * 15 + b"\x01\x01\xbb", b"\x10api.example.test\x01\xbb", b"\x00", b"\xff", b"GET / HTTP/1.1\r\n",
)  # fmt: skip


def check(data: bytes) -> None:
    for password in (False, True):
        whole = Socks(password=password)
        replies = whole.feed(data)
        cut = Socks(password=password)
        assert _sent(_fed(cut, data)) == _sent(replies)
        assert (cut.target, cut.user, cut.password) == (whole.target, whole.user, whole.password)
        if whole.target is not None:
            assert not any(reply.failed for reply in replies)
            assert data.endswith(whole.rest)
            _check_written(data.removesuffix(whole.rest), whole)
            host, port = whole.target
            connect_target(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _check_written(greeting: bytes, read: Socks) -> None:
    """Written anew from what was read, it is the same bytes, but for the methods on offer."""
    assert read.target is not None
    host, port = read.target
    offered = greeting[1]
    expected = greeting[: 2 + offered]
    if read.user or read.password or b"\x01\x00\x00\x05" in greeting[2 + offered :][:4]:
        expected += bytes((1, len(read.user))) + read.user + bytes((len(read.password),)) + read.password
    kind = greeting[len(expected) + 3]
    name = bytes((len(host),)) + host.encode("ascii") if kind == 3 else ipaddress.ip_address(host).packed
    assert greeting == expected + bytes((5, 1, 0, kind)) + name + port.to_bytes(2)


def _fed(socks: Socks, data: bytes) -> list[Reply]:
    """Its replies to pieces, up to the one that failed."""
    replies: list[Reply] = []
    for piece in in_pieces(data):
        replies += socks.feed(piece)
        if replies and replies[-1].failed:
            break
    return replies


def _sent(replies: list[Reply]) -> bytes:
    """What is sent, and why it failed."""
    return b"".join(reply.data + reply.failed.encode() for reply in replies)
