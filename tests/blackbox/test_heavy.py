"""A gigabyte each way: nothing truncated, memory flat."""

from __future__ import annotations

import hashlib

import pytest

from rig.wire import tunnel

HOST = "api.example.test"
GIGABYTE = 2**30
FLAT = 24 * 2**20
"""Bytes the proxy may grow: socket buffers and one read each way, not the body."""


def test_a_gigabyte_comes_down_whole_in_flat_memory(exeat, mission, origin):
    piece = bytes(range(256)) * 256
    expected = hashlib.sha256()
    for _ in range(GIGABYTE // len(piece)):
        expected.update(piece)
    seen, received, before = hashlib.sha256(), 0, exeat.memory()
    with tunnel(exeat, mission) as wire:
        wire.sock.settimeout(60)
        wire.send(f"GET /bytes?n={GIGABYTE} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            buffer += wire.sock.recv(65536)
        head, _, rest = buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        while True:
            seen.update(rest)
            received += len(rest)
            if received >= GIGABYTE:
                break
            rest = wire.sock.recv(262144)
            assert rest, f"cut after {received} bytes"
    assert received == GIGABYTE
    assert seen.digest() == expected.digest()
    assert exeat.memory() - before < FLAT


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_gigabyte_goes_up_whole_in_flat_memory(exeat, mission, origin, framing):
    piece = bytes(range(256)) * 256
    sent, before = hashlib.sha256(), exeat.memory()
    field = f"Content-Length: {GIGABYTE}" if framing == "length" else "Transfer-Encoding: chunked"
    frame = piece if framing == "length" else b"%x\r\n%s\r\n" % (len(piece), piece)
    with tunnel(exeat, mission) as wire:
        wire.sock.settimeout(60)
        wire.sock.sendall(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\n{field}\r\n\r\n".encode())
        for _ in range(GIGABYTE // len(piece)):
            sent.update(piece)
            wire.sock.sendall(frame)
        if framing == "chunked":
            wire.sock.sendall(b"0\r\n\r\n")
        answer = wire.response("POST")
    assert answer.json() == {"length": GIGABYTE, "sha256": sent.hexdigest()}
    assert exeat.memory() - before < FLAT


def test_an_abort_is_seen_as_an_abort(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /close HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        answer = wire.response()
    assert (answer.status, answer.complete) == (200, False)
    origin.wait_quiet()
    [outcome] = exeat.audit_records("outcome", mission=mission["mission"])
    assert outcome["outcome"] == "unknown"
