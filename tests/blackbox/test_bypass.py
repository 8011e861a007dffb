"""Raw attempts to get around the proxy, by their row in the bypass matrix; each ends in a refusal or a closed connection,
and no origin hears of it. Rows about names and hosts are in test_promise_03, headers in test_promise_05."""

from __future__ import annotations

import ssl
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


@pytest.mark.parametrize("target", [
    "127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "0", "0177.0.0.1", "127.0.0.1.", "10.0.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
    "[fd00:ec2::254]", "[fe80::1%25eth0]", "localhost", "metadata.google.internal", "1.1.1.1", "8.8.8.8",
])  # fmt: skip
@pytest.mark.row("N01", "N02", "N04", "N05", "N13", "D08")
def test_addresses_in_any_form(exeat, mission, origin, target):
    """N01, N02, N04, N05, N13, D08."""
    with Wire(exeat) as wire:
        answer = wire.connect(f"{target}:443", mission["pass"])
        if answer.status == 200:
            try:
                wire.secure(mission["ca_file"], HOST, verify=False)
            except (ssl.SSLError, OSError):
                return
            answer = wire.request("GET", "/echo", host=target)
        denied(answer)
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        denied(wire.request("GET", f"http://{target}/", line, host=target))
    _nothing_sent(origin)


@pytest.mark.parametrize("path", [
    "/v1/../echo", "/./echo", "/v1/%2e%2e/echo", "/v1/%2E./echo", "/v1/..;/echo", "/%252e%252e/echo", "/v1/%c0%ae%c0%ae/echo",
    "//echo", "/v1//refunds", "/v1%2frefunds", "/v1/..%5crefunds", "/v1\\refunds", "/v1/refunds%00", "/v1/refunds%0d%0aX:y",
    "/v1/refunds#frag", "/v1/refunds;x=1", "/v1/refund\xe9", "/v1/refunds%", "/v1/refunds%zz", "v1/refunds", "*", "",
])  # fmt: skip
@pytest.mark.row("P01", "P02")
def test_ambiguous_paths(exeat, mission, origin, path):
    """P01, P02: rejected, never rewritten."""
    denied(_raw(exeat, mission, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
    _nothing_sent(origin)


@pytest.mark.parametrize("line", [
    "get /echo HTTP/1.1", "TRACE /echo HTTP/1.1", "TRACK /echo HTTP/1.1", "PRI * HTTP/2.0", f"CONNECT {HOST}:443 HTTP/1.1",
    "FOO /echo HTTP/1.1", "G" * 1024 + " /echo HTTP/1.1", "GET /echo HTTP/0.9", "GET /echo HTTP/2.0", "GET /echo HTTP/9.9", "GET /echo",
    "GET\t/echo\tHTTP/1.1", "GET  /echo HTTP/1.1", " GET /echo HTTP/1.1", "GET /echo\x0b HTTP/1.1", "GET /echo HTTP/1.1 x",
])  # fmt: skip
@pytest.mark.row("P04", "P07", "P08")
def test_odd_request_lines(exeat, mission, origin, line):
    """P04, P07, P08."""
    denied(_raw(exeat, mission, f"{line}\r\nHost: {HOST}\r\n\r\n"))
    origin.wait_quiet(0.05)
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
