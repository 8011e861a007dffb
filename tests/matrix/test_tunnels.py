"""What a tunnel or the proxy's port carries besides HTTP, and HTTP that looks like something else: closed, never bridged."""

from __future__ import annotations

import ssl
import time

import pytest

from rig.account import decisions, only_refused, untouched
from rig.wire import Wire, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
DENIED = f"GET /v1/payouts HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


def configure(config, origin):
    config.tables["proxy"]["limits"] = {"head": "1s", "idle": "5s"}


@pytest.fixture(autouse=True)
def _nobody_hears_of_it(mission, origin, decoy):
    yield
    untouched(origin, decoy)


def _closed(wire, limit=6):
    """Whatever is said first, the connection ends within the limit, by itself."""
    started = time.monotonic()
    wire.sock.settimeout(limit)
    received = b""
    while True:
        try:
            data = wire.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            break
        if not data:
            break
        received += data
    assert time.monotonic() - started < limit
    return received


@pytest.mark.row("W01")
@pytest.mark.parametrize("data", [
    b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\x01\x02\x03" * 64, b"EHLO x\r\n", b"\x05\x01\x00", b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"\x80\x2e\x01\x03\x01",
    b"\x15\x03\x01\x00\x02\x02\x28", b"\x17\x03\x03\x00\x10" + b"x" * 16, b"RFB 003.008\n", b"\xff\xfb\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])  # fmt: skip
def test_raw_bytes_in_a_tunnel(exeat, mission, data):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        wire.send(data)
        assert _closed(wire) == b""
    only_refused(exeat, mission, "protocol_not_allowed")


@pytest.mark.row("W01")
@pytest.mark.parametrize(
    "opening", [b"", b"\x16", b"\x16\x03", b"\x16\x03\x01\x00\xa5\x01", b"\x16\x03\x01\xff\xff\x01"]
)
def test_silence_and_half_a_hello_have_a_deadline(exeat, mission, opening):
    """A server that is to speak first never gets to: nobody is dialled."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        wire.send(opening)
        assert _closed(wire) == b""


@pytest.mark.row("W02", "W07", "W16")
@pytest.mark.parametrize("alpn", ["http/1.1", "", "h2"])
@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x00\xa5\x01",
        b"\x00" * 100,
        b"\r\n\r\n\r\n",
        b"{}\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_something_else_than_http_inside_tls(exeat, mission, alpn, data):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        _secure(wire, mission, alpn)
        wire.send(data)
        received = _closed(wire)
    assert b"HTTP/1.1 2" not in received
    if alpn != "h2" or not data.startswith(b"PRI"):  # that is how HTTP/2 begins: only silence follows
        only_refused(exeat, mission, "request_malformed")


def _secure(wire, mission, alpn):
    context = ssl.create_default_context(cafile=mission["ca_file"])
    if alpn:
        context.set_alpn_protocols([alpn])
    wire.sock = context.wrap_socket(wire.sock, server_hostname=HOST)


@pytest.mark.row("W16")
@pytest.mark.parametrize("alpn", ["http/1.1", ""])
@pytest.mark.parametrize("pieces", [
    ["GE", "T /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["G", "E", "T", " /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], [" GET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"],
    ["\r\n", "GET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["\n\nGET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["M-GET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"],
    ["G,D /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["1GET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["GET\t/v1/payouts\tHTTP/1.1\r\nHost: {host}\r\n\r\n"],
    ["GET\x0b/v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["\x00GET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["GET\x00 /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"],
    ["SSH-GET /v1/payouts HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["GET", "/v1/payouts\r\n", "\r\n"], ["GET /v1/payouts HTTP/1.1\n\n"], ["*" * 3000],
])  # fmt: skip
def test_http_disguised_as_raw_bytes_inside_tls(exeat, mission, alpn, pieces):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        _secure(wire, mission, alpn)
        _in_pieces(wire, pieces)
        received = _closed_or_answer(wire)
    assert received[:10] in (b"HTTP/1.1 4", b"")
    assert b"HTTP/1.1 2" not in received
    only_refused(exeat, mission, "request_malformed", "operation_unknown", "policy_denied")


@pytest.mark.row("W16")
@pytest.mark.parametrize("pieces", [
    ["GE", "T http://plain.example.test/nowhere HTTP/1.1\r\nHost: plain.example.test\r\n\r\n"], [" GET http://plain.example.test/ HTTP/1.1\r\n\r\n"], ["\r\n", "GET / HTTP/1.1\r\n\r\n"],
    ["CO", "NNECT evil.example.test:443 HTTP/1.1\r\n\r\n"], ["M-GET http://plain.example.test/ HTTP/1.1\r\n\r\n"], ["\x00\x00\x00"], ["GET\thttp://plain.example.test/\tHTTP/1.1\r\n\r\n"],
])  # fmt: skip
def test_http_disguised_as_raw_bytes_at_the_proxys_port(exeat, mission, pieces):
    with Wire(exeat) as wire:
        _in_pieces(wire, pieces)
        received = _closed_or_answer(wire)
    assert received[:10] in (b"HTTP/1.1 4", b"")
    assert b"HTTP/1.1 2" not in received


@pytest.mark.row("W16")
def test_http_in_a_tunnel_without_tls(exeat, mission):
    for pieces in (["GE", "T /v1/refunds HTTP/1.1\r\nHost: {host}\r\n\r\n"], ["\r\n", DENIED]):
        with Wire(exeat) as wire:
            assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
            _in_pieces(wire, pieces)
            assert _closed(wire) == b""
    only_refused(exeat, mission, "protocol_not_allowed", count=2)


def _in_pieces(wire, pieces):
    for piece in pieces:
        wire.send(piece.replace("{host}", HOST))
        time.sleep(0.1)


def _closed_or_answer(wire, limit=6):
    wire.sock.settimeout(limit)
    try:
        return wire.sock.recv(65536)
    except (ConnectionError, ssl.SSLError):
        return b""


@pytest.mark.row("W03")
def test_tls_in_tls(exeat, mission):
    with tunnel(exeat, mission) as wire:
        hello = ssl.MemoryBIO()
        inner = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="evil.example.test")
        with pytest.raises(ssl.SSLWantReadError):
            inner.do_handshake()
        denied(wire.send(hello.read()).response())
    only_refused(exeat, mission, "request_malformed")


@pytest.mark.row("W03")
@pytest.mark.parametrize("target", ["evil.example.test:443", f"{HOST}:443", "169.254.169.254:80"])
def test_connect_in_connect(exeat, mission, target):
    with tunnel(exeat, mission) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        denied(wire.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{line}\r\n\r\n").response("CONNECT"))
        wire.send(DENIED)
    records = exeat.audit_records("decision", mission=mission["mission"])
    assert records
    assert {record["decision"] for record in records} == {"deny"}


@pytest.mark.row("W03")
def test_connect_again_before_tls(exeat, mission):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        denied(wire.connect("evil.example.test:443", mission["pass"]))
    only_refused(exeat, mission, "protocol_not_allowed")


@pytest.mark.row("W04")
@pytest.mark.parametrize("port", [25, 53, 5353, 22, 465, 587, 853, 6379, 5432, 80, 8443])
def test_other_ports_than_the_missions(exeat, mission, port):
    """The refusal comes inside the tunnel; no protocol is guessed by the port."""
    with Wire(exeat) as wire:
        answer = wire.connect(f"{HOST}:{port}", mission["pass"])
        if answer.status == 200:
            wire.secure(mission["ca_file"], HOST)
            answer = wire.request("GET", "/echo", host=f"{HOST}:{port}")
        refused(answer, "destination_not_allowed", status=403)
    only_refused(exeat, mission, "destination_not_allowed")


@pytest.mark.row("W04")
@pytest.mark.parametrize("port", [25, 53])
def test_those_ports_protocols_are_not_spoken(exeat, mission, port):
    query = b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04evil\x04test\x00\x00\x01\x00\x01"
    with Wire(exeat) as wire:
        if wire.connect(f"{HOST}:{port}", mission["pass"]).status == 200:
            wire.send(query if port == 53 else b"EHLO x\r\n")
            assert _closed(wire) == b""
    only_refused(exeat, mission, "protocol_not_allowed")


@pytest.mark.row("W07", "W10")
@pytest.mark.parametrize("data", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"\x05\x01\x00", b"\x05\x01\x02",
    b"\x04\x01\x01\xbb\xcb\x00\x71\x05\x00", b"\x04\x01\x01\xbb\x00\x00\x00\x01\x00evil.example.test\x00", b"\x16\x03\x01\x02\x00\x01",
    b"PROXY TCP4 203.0.113.1 203.0.113.2 1 2\r\n", b"PROXY UNKNOWN\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02",
    b"\xc3\x00\x00\x00\x01\x08" + b"\x00" * 1194,
])  # fmt: skip
@pytest.mark.parametrize(
    "follows", [b"", b"GET http://plain.example.test/echo HTTP/1.1\r\nHost: plain.example.test\r\n\r\n"]
)
def test_other_protocols_at_the_http_port(exeat, mission, data, follows):
    """HTTP/2 in clear, SOCKS, TLS, QUIC's first packet; a PROXY line is neither believed nor skipped."""
    with Wire(exeat) as wire:
        wire.send(data + follows)
        received = _closed(wire)
    assert b"HTTP/1.1 2" not in received
    assert not received.startswith((b"\x05", b"\x00", b"\x16"))


@pytest.mark.row("W10")
def test_nothing_listens_for_udp(exeat, mission):
    """No QUIC, no HTTP/3: the serving process holds no UDP socket."""
    from pathlib import Path

    held = {link.readlink().name for link in Path(f"/proc/{exeat.process.pid}/fd").iterdir() if link.is_symlink()}
    numbers = {name[8:-1] for name in held if name.startswith("socket:[")}
    for table in ("udp", "udp6"):
        rows = Path(f"/proc/{exeat.process.pid}/net/{table}").read_text().splitlines()[1:]
        assert numbers.isdisjoint(row.split()[9] for row in rows)


@pytest.mark.row("W07")
@pytest.mark.parametrize("settings", ["AAMAAABkAAQAAP__", ""])
def test_an_upgrade_to_http2_in_clear_is_left_out(exeat, mission, settings):
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with Wire(exeat) as wire:
        answer = wire.request(
            "GET", "http://plain.example.test/nowhere", line, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
            f"HTTP2-Settings: {settings}", host="plain.example.test",
        )  # fmt: skip
        refused(answer, "operation_unknown")
        assert wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").response().status in {400, 0}
    assert [record["code"] for record in decisions(exeat, mission, 2)] == ["operation_unknown", "request_malformed"]


@pytest.mark.row("W15")
@pytest.mark.parametrize("path", ["/", "/cert/pem", "/cert/cer"])
def test_the_engines_magic_host_is_a_host_like_any_other(exeat, mission, path):
    """mitm.it would hand out the CA and more; the addon that serves it is not loaded, and the name is not allowed."""
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with Wire(exeat) as wire:
        refused(wire.request("GET", f"http://mitm.it{path}", line, host="mitm.it"), "destination_not_allowed")
    with tunnel(exeat, mission, "mitm.it") as wire:
        refused(wire.request("GET", path, host="mitm.it"), "destination_not_allowed")
    with H2Wire(exeat, mission, "mitm.it") as h2:
        refused(h2.request("GET", path), "destination_not_allowed")
    only_refused(exeat, mission, "destination_not_allowed", count=3)
