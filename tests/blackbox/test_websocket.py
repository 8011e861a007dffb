"""WebSocket: an operation of its own, frames relayed both ways as they come, ended with its mission."""

from __future__ import annotations

import time

import pytest
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    TextMessage,
)

from rig.config import SHARED_KEY, operation
from rig.websocket_agent import Agent
from rig.websocket_origin import WebsocketOrigin

HOST = "api.example.test"


@pytest.fixture(scope="module")
def chat(authority):
    with WebsocketOrigin(authority, HOST) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, chat):
    config.service("example")["operation"].append(operation("WEBSOCKET /chat/{room}", "chat/join", "write"))
    config.resolve(HOST, 443, chat.port)
    config.template["operations"].append("example:chat/join")
    return config


def _outcome(exeat, mission):
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        outcomes = exeat.audit_records("outcome", mission=mission["mission"])
        if outcomes:
            return outcomes
        time.sleep(0.02)
    return []


def test_messages_pass_both_ways_and_are_one_request_in_the_audit(exeat, mission, chat):
    with Agent(exeat, mission) as agent:
        assert isinstance(agent.answer, AcceptConnection)
        assert agent.answer.extensions == []
        for event in (TextMessage("hällo"), BytesMessage(b"\x00\xff" * 500)):
            agent.send(event)
            assert agent.next().data == event.data
        agent.send(Ping(b"x"))
        assert isinstance(agent.next(), Pong)
        assert exeat.audit_records("outcome", mission=mission["mission"]) == []
        agent.send(CloseConnection(1000, "done"))
        assert agent.next().code == 1000
    [outcome] = _outcome(exeat, mission)
    assert (outcome["outcome"], outcome["status"]) == ("sent", 101)
    assert outcome["bytes"] == {"sent": 1006, "received": 1006}
    [decision] = exeat.audit_records("decision", mission=mission["mission"])
    assert decision["action"] == "example:chat/join"


def test_the_handshake_carries_the_scoped_token_and_one_tag(exeat, mission, chat):
    with Agent(exeat, mission, "/chat/2", (b"Exeat-Agent", b"liar")):
        fields = [(name.lower(), value) for name, value in chat.handshakes[-1].extra_headers]
        assert [value for name, value in fields if name == b"exeat-agent"] == [mission["agent"].encode()]
        assert dict(fields)[b"authorization"].startswith(b"Bearer ey")
        assert chat.handshakes[-1].extensions == []


@pytest.mark.row("W05")
@pytest.mark.guard("websocket-operation")
@pytest.mark.parametrize("path", ["/v1/refunds", "/nowhere", "/chat"])
def test_what_may_be_read_may_not_be_upgraded(exeat, mission, chat, path):
    before = len(chat.handshakes)
    with Agent(exeat, mission, path) as agent:
        assert isinstance(agent.answer, RejectConnection)
        assert agent.answer.status_code == 403
    assert len(chat.handshakes) == before


@pytest.mark.row("H09")
def test_a_token_that_comes_back_in_a_message_is_covered(exeat, mission, chat):
    with Agent(exeat, mission) as agent:
        agent.send(TextMessage("token?"))
        got = ""
        while True:
            frame = agent.next()
            got += frame.data
            if frame.message_finished:
                break
        token = dict(chat.handshakes[-1].extra_headers)[b"authorization"].decode().split()[1]
        assert token not in got
        assert "****" in got
        assert len(got) == len("Bearer ") + len(token)


@pytest.mark.row("H09")
@pytest.mark.guard("control-frames")
@pytest.mark.parametrize("how", ["bytes", "ping", "close"])
def test_nor_does_it_come_back_in_binary_or_control_frames(exeat, mission, chat, how):
    with Agent(exeat, mission) as agent:
        agent.send(TextMessage(f"token {how}?"))
        got = b""
        while True:
            frame = agent.next()
            if isinstance(frame, CloseConnection):
                assert frame.code == 4000
                got += frame.reason.encode()
                break
            got += bytes(frame.payload if isinstance(frame, Ping) else frame.data)
            if isinstance(frame, Ping) or frame.message_finished:
                break
        token = dict(chat.handshakes[-1].extra_headers)[b"authorization"].split()[1]
        assert set(got) == {ord("*")}
        assert len(got) == len(token if how == "bytes" else token.rpartition(b".")[2])


@pytest.mark.row("R04")
@pytest.mark.parametrize("verb", ["close", "revoke", "suspend"])
def test_it_ends_with_its_mission(exeat, mission, chat, verb):
    with Agent(exeat, mission) as agent:
        before = len(chat.closed)
        exeat.end(mission, verb)
        started = time.monotonic()
        try:
            ended = agent.next()
        except OSError:
            ended = None
        assert ended is None or isinstance(ended, CloseConnection)
        while len(chat.closed) == before:
            assert time.monotonic() - started < 1, "the origin still holds the WebSocket"
            time.sleep(0.01)
    [outcome] = _outcome(exeat, mission)
    assert outcome["outcome"] == "unknown"


def test_ten_thousand_messages_pass_in_flat_memory(exeat, mission, chat):
    with Agent(exeat, mission) as agent:
        agent.send(TextMessage("push 1000"))
        for _ in range(1000):
            agent.next()
        before = exeat.memory()
        agent.send(TextMessage("push 10000"))
        seen = [agent.next().data for _ in range(10000)]
        assert seen == [f"message {number}" for number in range(10000)]
        assert exeat.memory() - before < 8 * 2**20


@pytest.mark.row("W17")
def test_bytes_that_are_no_frames_end_it(exeat, mission, chat):
    with Agent(exeat, mission) as agent:
        before = len(chat.closed)
        agent.wire.send(b"GET /v1/payouts HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            ended = agent.next()
        except OSError:
            ended = None
        assert ended is None or isinstance(ended, CloseConnection)
        time.sleep(0.1)
        assert len(chat.closed) > before
    assert b"payouts" not in str(chat.messages).encode()


@pytest.mark.guard("secret-in-message")
def test_a_shared_key_in_a_message_ends_the_mission_before_it_is_whole(exeat, mission, chat):
    with Agent(exeat, mission) as agent:
        agent.send(TextMessage(f"nearly {SHARED_KEY[:-1]}"))
        assert agent.next().data == f"nearly {SHARED_KEY[:-1]}"
        agent.send(TextMessage("x", message_finished=False))
        agent.send(TextMessage(SHARED_KEY))
        closed = agent.next()
    assert closed is None or getattr(closed, "code", 1008) in (1006, 1008)
    assert not any(SHARED_KEY in str(message) for message in chat.messages)
    [outcome] = _outcome(exeat, mission)
    assert outcome["code"] == "mission_ended"
    deadline = time.monotonic() + 3
    while not (fired := exeat.audit_records("mission", event="deviation", mission=mission["mission"])):
        assert time.monotonic() < deadline
    assert fired[0]["rule"] == "secret-in-body"
