"""Upgrades: a WebSocket is an operation of its own and ends with its mission; anything else is taken off or refused; what
comes behind the question is never a second request."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from rig.account import completed, decisions, only_refused, outcome_of, untouched
from rig.config import SHARED_KEY, operation, service
from rig.scripted_origin import ScriptedOrigin
from rig.wire import Wire, basic, denied, tunnel
from rig.wire_h2 import H2Wire

HOST, CHAT = "api.example.test", "chat.example.test"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"
ACCEPT = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"


@pytest.fixture(scope="module")
def chat(authority):
    with ScriptedOrigin(authority, CHAT) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, chat):
    config.allow(CHAT, local=chat.port)
    paths = [
        operation("WEBSOCKET /room", "join", "write"),
        operation("GET /room", "look", "read"),
        operation("POST /room", "say", "write"),
    ]
    config.tables["service"].append(service("chat", CHAT, *paths))
    config.template["operations"] += ["chat:read", "chat:write"]
    config.tables["proxy"]["limits"] = {"idle": "4s"}
    return config


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def handshake(path="/room", *more, method="GET", host=CHAT, upgrade="websocket", connection="Upgrade"):
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        f"Connection: {connection}",
        f"Upgrade: {upgrade}",
        VERSION,
        KEY,
        *more,
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def frame(text, masked=True):
    data = text.encode()
    head = bytes([0x81, (0x80 if masked else 0) | len(data)])
    return head + (b"\0\0\0\0" if masked else b"") + data


@pytest.mark.row("W05")
@pytest.mark.guard("websocket-operation")
@pytest.mark.parametrize("path", ["/echo", "/v1/refunds", "/sse"])
def test_what_may_be_read_may_not_be_upgraded(exeat, mission, origin, path):
    with tunnel(exeat, mission) as wire:
        assert wire.send(handshake(path, host=HOST)).response().status == 403
    only_refused(exeat, mission, "operation_unknown")
    untouched(origin)


@pytest.mark.row("W05")
def test_a_permitted_one_is_recorded_as_its_own_operation(exeat, mission, chat):
    chat.answer(ACCEPT)
    with tunnel(exeat, mission, CHAT) as wire:
        wire.send(handshake())
        assert wire.sock.recv(4096).startswith(b"HTTP/1.1 101")
    [record] = decisions(exeat, mission)
    assert (record["action"], record["decision"]) == ("chat:join", "permit")
    assert outcome_of(exeat, record)["status"] in {101, None}


@pytest.mark.row("W05")
@pytest.mark.parametrize("which", ["placeholder", "shared"])
def test_nothing_is_swapped_in_frames(exeat, mission, chat, which):
    """The origin gets the worthless text as it was sent, and never a token in its place; the shared key it doesn't get at all."""
    value = mission["placeholders"]["example"] if which == "placeholder" else SHARED_KEY
    got: list[bytes] = []

    def script(sock, _):
        sock.sendall(ACCEPT)
        got.append(sock.recv(4096))

    chat.answer(b"")
    chat.script = script
    with tunnel(exeat, mission, CHAT) as wire:
        wire.send(handshake())
        assert wire.sock.recv(4096).startswith(b"HTTP/1.1 101")
        wire.send(frame(value))
        deadline = time.monotonic() + 5
        while not got:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    if which == "shared":
        assert got == [b""]  # what was held back went with its connection
        return
    mask, data = got[0][2:6], got[0][6:]
    assert bytes(each ^ mask[at % 4] for at, each in enumerate(data)) == value.encode()


@pytest.mark.row("W05", "R04")
@pytest.mark.guard("revoke-reset")
@pytest.mark.parametrize("verb", ["revoke", "close", "suspend"])
def test_it_ends_on_both_sides_with_its_mission(exeat, mission, chat, verb):
    later: list[bytes] = []

    def script(sock, _):
        sock.sendall(ACCEPT)
        while data := sock.recv(4096):
            later.append(data)

    chat.answer(b"")
    chat.script = script
    with tunnel(exeat, mission, CHAT) as wire:
        wire.send(handshake())
        assert wire.sock.recv(4096).startswith(b"HTTP/1.1 101")
        exeat.end(mission, verb)
        count = len(later)
        for _ in range(5):
            wire.send(frame("after the revoke"))
        chat.wait_ended()
        with suppress(OSError):
            while wire.sock.recv(4096):
                pass
    assert len(later) == count
    assert outcome_of(exeat, decisions(exeat, mission)[0])["outcome"] == "unknown"


@pytest.mark.row("W05", "W17")
@pytest.mark.parametrize("text", [
    handshake().replace(VERSION, "Sec-WebSocket-Version: 8"), handshake().replace(f"{KEY}\r\n", ""), handshake().replace(KEY, "Sec-WebSocket-Key: short"),
    handshake().replace(KEY, f"{KEY}\r\n{KEY}"), handshake(method="POST"), handshake(connection="close"), handshake(connection="notupgrade"),
    handshake("/room", "Content-Length: 60"), handshake("/room", "Transfer-Encoding: chunked"), handshake("/room", "Content-Length: 0"),
    handshake().replace("HTTP/1.1", "HTTP/1.0"),
])  # fmt: skip
def test_a_handshake_that_is_none_goes_nowhere(exeat, mission, chat, text):
    """A body behind it would be the second request of an origin that declines."""
    chat.answer(ACCEPT)
    with tunnel(exeat, mission, CHAT) as wire:
        denied(wire.send(text + SMUGGLED.format(host=CHAT)).response())
    time.sleep(0.1)
    assert chat.heads == []
    records = exeat.audit_records("decision", mission=mission["mission"])
    assert {
        (record["decision"], record["code"] in {"request_malformed", "operation_unknown"}) for record in records
    } == {("deny", True)}


@pytest.mark.row("W17")
@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n",
])  # fmt: skip
def test_what_comes_behind_a_declined_upgrade_is_judged(exeat, mission, chat, answer):
    """Envoy's CVE-2026-73548: payload sent early was read by the origin as a second request."""
    chat.answer(answer)
    with tunnel(exeat, mission, CHAT) as wire:
        wire.send(handshake() + SMUGGLED.format(host=CHAT))
        assert wire.response().status == int(answer.split()[1])
        follows = wire.response()
        assert follows.closed or follows.code == "operation_unknown"
    assert [head.split(b" ")[1] for head in chat.heads] == [b"/room"]
    assert decisions(exeat, mission, 2)[1]["code"] == "operation_unknown"


@pytest.mark.row("W17")
@pytest.mark.parametrize(
    "early",
    [b"GET /smuggled HTTP/1.1\r\nHost: chat.example.test\r\n\r\n", b"\x00" * 64, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
)
def test_what_comes_behind_an_accepted_upgrade_is_frames_or_nothing(exeat, mission, chat, early):
    """Bytes before the 101 are not passed before it, and as nothing but frames after it."""
    got: list[bytes] = []

    def script(sock, _):
        sock.settimeout(0.4)
        try:
            got.append(sock.recv(4096))
        except TimeoutError:
            got.append(b"nothing early")
        sock.sendall(ACCEPT)
        try:
            got.append(sock.recv(4096))
        except OSError:
            got.append(b"")

    chat.answer(b"")
    chat.script = script
    with tunnel(exeat, mission, CHAT) as wire:
        wire.send(handshake().encode() + early)
        wire.response("GET", limit=3)
    chat.wait_ended()
    assert got[0] == b"nothing early"
    assert early not in b"".join(got)
    assert len(chat.heads) == 1


@pytest.mark.row("W06")
@pytest.mark.parametrize("upgrade", ["h2c", "H2C", "TLS/1.0", "tls/1.2, h2c", "h2c,h2c"])
def test_an_upgrade_that_may_be_declined_is_left_out(exeat, mission, origin, upgrade):
    """RFC 9110 §7.8: a server may ignore it; the request itself is judged as usual."""
    more = ["HTTP2-Settings: AAMAAABkAAQAAP__"]
    with tunnel(exeat, mission) as wire:
        text = handshake("/echo", *more, host=HOST, upgrade=upgrade, connection="Upgrade, HTTP2-Settings")
        assert wire.send(text + SMUGGLED.format(host=HOST)).response().status == 200
        assert wire.response().code == "operation_unknown"
    completed(origin, "/echo")
    assert origin.last.header("upgrade") + origin.last.header("http2-settings") == []


@pytest.mark.row("W06")
@pytest.mark.parametrize(
    "upgrade",
    [
        "arbitrary",
        "h2c, websocket",
        "websocket, h2c",
        "WebSocket/13",
        "connect-udp",
        "connect-ip",
        "h3",
        "",
        "web socket",
        "websocket\x0b",
        "quic",
    ],
)
def test_another_upgrade_is_refused(exeat, mission, origin, upgrade):
    with tunnel(exeat, mission) as wire:
        denied(wire.send(handshake("/echo", host=HOST, upgrade=upgrade)).response())
    only_refused(exeat, mission, "protocol_not_allowed", "request_malformed")
    untouched(origin)


@pytest.mark.row("W06")
@pytest.mark.parametrize("connection", ["notupgrade", "close", "keep-alive", ""])
def test_an_upgrade_that_isnt_nominated_is_none(exeat, mission, origin, connection):
    with tunnel(exeat, mission) as wire:
        answer = wire.send(handshake("/echo", host=HOST, upgrade="h2c", connection=connection)).response()
    assert answer.status == 200
    assert origin.last.header("upgrade") == []


@pytest.mark.row("W06", "W05")
@pytest.mark.parametrize("upgrade", ["websocket", "arbitrary"])
def test_upgrades_outside_a_tunnel_are_refused(exeat, mission, origin, upgrade):
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with Wire(exeat) as wire:
        text = handshake("http://plain.example.test/echo", line, host="plain.example.test", upgrade=upgrade)
        assert 400 <= wire.send(text).response().status < 500
    only_refused(exeat, mission, "protocol_not_allowed", "request_malformed", "operation_unknown")
    untouched(origin)


@pytest.mark.row("W06", "S09")
def test_there_are_no_upgrades_in_http2(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        answer = wire.request("GET", "/echo", ("upgrade", "websocket"), ("connection", "upgrade"))
    assert answer.closed or answer.code == "request_malformed"
    only_refused(exeat, mission, "request_malformed")
    untouched(origin)
