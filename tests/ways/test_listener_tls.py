"""TLS to the listener itself: what isn't TLS ends, and the certificate is the listener's own."""

from __future__ import annotations

import ssl
import time

import pytest

from rig.ways import at, inside

HOST = "api.example.test"


@pytest.mark.parametrize(
    "data", [b"CONNECT api.example.test:443 HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\x05\x01\x00", b"\0" * 200, b""]
)
def test_what_is_no_tls_ends_at_a_tls_listener(doors, exeat, mission, origin, data):
    with at(doors, "https") as sock:
        sock.sendall(data)
        began = time.monotonic()
        received = b""
        try:
            while piece := sock.recv(1000):
                received += piece
        except ConnectionError:
            pass
        assert time.monotonic() - began < 7
    assert not received.startswith(b"HTTP/")
    assert origin.connections == []


def test_old_tls_is_not_spoken_to_the_proxy(doors, exeat, mission):
    with inside(exeat, mission, at(doors, "https"), "127.0.0.1") as wire:
        assert wire.sock.version() in ("TLSv1.2", "TLSv1.3")
    hello = legacy_hello()
    with at(doors, "https") as sock:
        sock.sendall(hello)
        answer = sock.recv(100)
    assert answer[:1] in (b"", b"\x15"), "an alert, or nothing"


def legacy_hello() -> bytes:
    """A ClientHello of TLS 1.0 (RFC 2246 §7.4.1.2) with ciphers of its time."""
    body = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x04\x00\x2f\x00\x35" + b"\x01\x00"
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


def test_the_listeners_certificate_is_for_its_own_names(doors, exeat, mission):
    for name in ("127.0.0.1", "localhost"):
        inside(exeat, mission, at(doors, "https"), name).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        inside(exeat, mission, at(doors, "https"), HOST)
