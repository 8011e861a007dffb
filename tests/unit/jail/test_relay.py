"""The relay passes bytes to the proxy and ends as the two sides do."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading

import pytest

from exeat.jail.relay import Relay

BIG = 8 * 1024 * 1024


@pytest.fixture
def pair():
    """Connections through a relay: each call gives (the jail's end, the proxy's end)."""
    proxy = socket.create_server(("127.0.0.1", 0))
    jail = socket.create_server(("127.0.0.1", 0))
    where = jail.getsockname()
    relay = Relay(jail, *proxy.getsockname())
    relay.start()
    made = []

    def connect():
        inner = socket.create_connection(where, 10)
        outer, _ = proxy.accept()
        for end in (inner, outer):
            end.settimeout(10)
            made.append(end)
        return inner, outer

    yield connect
    relay.stop()
    for each in (*made, proxy):
        each.close()


def test_bytes_pass_both_ways_and_a_half_close_stays_one(pair):
    inner, outer = pair()
    inner.sendall(b"asked")
    inner.shutdown(socket.SHUT_WR)
    assert outer.recv(10) == b"asked"
    assert outer.recv(10) == b""
    outer.sendall(b"answered")
    outer.close()
    assert inner.recv(10) == b"answered"
    assert inner.recv(10) == b""


def test_a_large_body_arrives_whole_with_a_slow_reader(pair):
    inner, outer = pair()
    body = os.urandom(BIG)
    writer = threading.Thread(target=lambda: (outer.sendall(body), outer.close()))
    writer.start()
    digest, size = hashlib.sha256(), 0
    while part := inner.recv(65536):
        digest.update(part)
        size += len(part)
    writer.join(10)
    assert (size, digest.digest()) == (BIG, hashlib.sha256(body).digest())


def test_a_reader_that_does_not_read_holds_the_writer_up(pair):
    """Nothing is gathered in between: the relay's memory is bounded."""
    _, outer = pair()
    outer.setblocking(False)
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            sent += outer.send(b"x" * 65536)
            if sent % (4 * 1024 * 1024) == 0:
                threading.Event().wait(0.02)
    except BlockingIOError:
        pass
    assert sent < 64 * 1024 * 1024


def test_a_reset_becomes_a_reset(pair):
    inner, outer = pair()
    inner.sendall(b"x")
    assert outer.recv(1) == b"x"
    outer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    outer.close()
    with pytest.raises(ConnectionResetError):
        inner.recv(1)


def test_where_the_proxy_is_gone_connections_are_reset():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    jail = socket.create_server(("127.0.0.1", 0))
    relay = Relay(jail, "127.0.0.1", port)
    where = jail.getsockname()
    relay.start()
    try:
        with pytest.raises(ConnectionResetError), socket.create_connection(where, 10) as inner:
            inner.recv(1)
    finally:
        relay.stop()


def test_stopping_cuts_what_is_open_and_accepts_no_more():
    proxy = socket.create_server(("127.0.0.1", 0))
    jail = socket.create_server(("127.0.0.1", 0))
    where = jail.getsockname()
    relay = Relay(jail, *proxy.getsockname())
    relay.start()
    with proxy, socket.create_connection(where, 10) as inner:
        outer, _ = proxy.accept()
        inner.sendall(b"x")
        outer.settimeout(10)
        assert outer.recv(1) == b"x"
        relay.stop()
        with pytest.raises(ConnectionResetError):
            inner.recv(1)
        with outer, pytest.raises(ConnectionResetError):
            outer.recv(1)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(where, 1)
