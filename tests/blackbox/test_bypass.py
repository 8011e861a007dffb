"""Raw attempts to get around the proxy by other protocols; each ends in a refusal or a closed connection,
and no origin hears of it. More of the bypass matrix is in tests/matrix."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from rig.wire import Wire, basic, denied, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def _raw(exeat, mission, data, *, host=HOST):
    with tunnel(exeat, mission, host) as wire:
        return wire.send(data).response()


def _nothing_sent(origin):
    origin.wait_quiet(0.05)
    assert origin.bytes_received == 0
    assert origin.requests == []


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02\x03" * 64,
        b"EHLO x\r\n",
        b"\x05\x01\x00",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    ],
)
def test_raw_bytes_in_a_tunnel(exeat, mission, origin, data):
    """W01: what isn't TLS ends there."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        denied(wire.send(data).response())
    _nothing_sent(origin)
    assert origin.connections == []


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x16\x03\x01\x00\xa5\x01", b"\r\n\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
)
def test_other_protocols_inside_tls(exeat, mission, origin, data):
    """W02, W07, W16."""
    with tunnel(exeat, mission) as wire:
        wire.sock.settimeout(3)
        with suppress(TimeoutError):  # an unfinished head; the deadline for heads ends it
            denied(wire.send(data).response())
    _nothing_sent(origin)
    assert origin.connections == []


def test_bytes_on_the_proxy_port_that_are_not_http(exeat, mission, origin):
    """W10, W07: SOCKS, TLS and HTTP/2 in clear find nobody."""
    for data in (
        b"\x05\x01\x00",
        b"\x04\x01\x01\xbb",
        b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a",
    ):
        with Wire(exeat, timeout=3) as wire, suppress(TimeoutError):
            denied(wire.send(data).response())
    _nothing_sent(origin)


@pytest.mark.parametrize("value", ["websocket", "WebSocket", "h2c, websocket", "tls/1.0, websocket"])
def test_an_upgrade_to_websocket(exeat, mission, origin, value):
    """W05: a WebSocket is an operation of its own; what may be read there may not be upgraded there."""
    answer = _raw(
        exeat, mission,
        f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: {value}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )  # fmt: skip
    assert answer.status == 403
    assert b"protocol_not_allowed" in answer.body or b"operation_unknown" in answer.body
    _nothing_sent(origin)


@pytest.mark.parametrize("value", ["h2c", "H2C", "TLS/1.0", "arbitrary"])
def test_other_upgrades(exeat, mission, origin, value):
    """W06: taken off, or refused."""
    answer = _raw(
        exeat,
        mission,
        f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {value}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    )
    if answer.status == 200:
        assert origin.last.header("upgrade") == []
        assert origin.last.header("http2-settings") == []
    else:
        denied(answer)
        _nothing_sent(origin)


def test_an_upgrade_nobody_asked_for_is_not_bridged(exeat, mission, origin):
    """S12, W06: a 101 out of the blue ends the connection."""
    with tunnel(exeat, mission) as wire:
        answer = wire.send(f"GET /101 HTTP/1.1\r\nHost: {HOST}\r\n\r\n").response()
        before = origin.bytes_received
        wire.send(b"raw bytes towards the origin")
        time.sleep(0.3)
        assert answer.status != 200
        assert b"RAW-BYTES" not in answer.body
    assert origin.bytes_received == before


def test_a_tunnel_in_a_tunnel(exeat, mission, origin):
    """W03."""
    denied(_raw(exeat, mission, f"CONNECT evil.example.test:443 HTTP/1.1\r\nHost: evil.example.test:443\r\n\r\n"))  # noqa: F541
    _nothing_sent(origin)


def test_extended_connect(exeat, mission, origin):
    """W08."""
    with H2Wire(exeat, mission) as wire:
        denied(wire.request("CONNECT", "/echo", (":protocol", "websocket")))
    assert origin.requests == []


@pytest.mark.parametrize("target", ["mitm.it", "mitm.it:443"])
def test_the_engines_magic_host(exeat, mission, origin, target):
    """W15."""
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        denied(wire.request("GET", "http://mitm.it/", line, host="mitm.it"))


@pytest.mark.parametrize("scheme", ["ftp", "gopher", "https", "HTTPS", "ws", "file"])
@pytest.mark.row("D19")
def test_other_schemes_in_clear(exeat, mission, origin, scheme):
    """D19."""
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        denied(wire.request("GET", f"{scheme}://{HOST}/echo", line, host=HOST))
    _nothing_sent(origin)


@pytest.mark.parametrize("url", ["http://plain.example.test@evil.example.test/", "http://u:p@plain.example.test/echo", "http://plain.example.test\\@evil.example.test/",
                                 "http://plain.example.test#@evil.example.test/", "http://plain.example.test:80:443/echo", "http:///echo", "http://"])  # fmt: skip
@pytest.mark.row("D15")
def test_odd_absolute_targets(exeat, mission, origin, url):
    """D15."""
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        denied(wire.request("GET", url, line, host="plain.example.test"))
    _nothing_sent(origin)
