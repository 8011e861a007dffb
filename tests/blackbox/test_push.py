"""A git push is judged by the refs at its beginning, before anything is dialled; its objects stream on, however many."""

from __future__ import annotations

import hashlib
import time

import pytest

from rig.config import operation
from rig.origin import Origin
from rig.wire import ask, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
PATH = "/v1/acme/site/git-receive-pack"
TYPE = "application/x-git-receive-pack-request"
KIND = f"Content-Type: {TYPE}"
OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40
LIMIT = 64 * 1024
PIECE = bytes(range(256)) * 256
SIZE = 40 * 1024 * 1024


def configure(config, origin):
    """Everything may be pushed but main."""
    push = {"reader": "git-receive-pack", "max_body": LIMIT, "captures": {"ref": "/ref"}, "resource": "Ref"}
    path = "POST /v1/{owner}/{repo}/git-receive-pack"
    config.service("example")["operation"] += [
        operation(path, "git/push", "write", reader="git-receive-pack", select="probe", max_body=LIMIT),
        operation(path, "git/create", "write", select="create:refs/heads/*", **push),
        operation(path, "git/update", "write", select="update:*", **push),
    ]
    config.service("example")["resource"] = [{"type": "Ref", "id": "{owner}/{repo}/{ref}", "fold": True}]
    config.tables["proxy"]["limits"] = {"inspected_body": LIMIT, "idle": "2s", "head": "2s", "decision": "3s"}
    config.policies["site.cedar"] += """
@id("main-is-ours")
forbid (principal, action, resource == Example::Ref::"acme/site/refs/heads/main");
"""


def push(*commands):
    lines = [
        f"{old} {new} {ref}" + ("" if number else "\0 report-status") for number, (old, new, ref) in enumerate(commands)
    ]
    return b"".join(b"%04x%s" % (len(line) + 4, line.encode()) for line in lines) + b"0000"


TOPIC = push((OLD, NEW, "refs/heads/topic"))


def refused(answer, code):
    """As git is told: text, with the code at its end."""
    assert answer.header("content-type") == "text/plain; charset=utf-8", answer
    assert f"\n{code}, decision d_" in answer.body.decode()


def untouched(origin):
    origin.wait_quiet(0.05)
    return origin.connections == [] and origin.requests == []


@pytest.mark.parametrize("chunked", [True, False])
def test_objects_stream_after_the_decision(exeat, mission, origin, chunked):
    """40 MiB pass with the memory of none, byte for byte, although no more than 64 KiB are ever kept for a decision."""
    digest, before, total = hashlib.sha256(TOPIC), exeat.memory(), len(TOPIC) + SIZE
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {total}"

    def framed(data):
        return b"%x\r\n%s\r\n" % (len(data), data) if chunked else data

    with tunnel(exeat, mission) as wire:
        wire.send(f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{KIND}\r\n{framing}\r\n\r\n")
        wire.send(framed(TOPIC[:30]))
        time.sleep(0.1)
        assert origin.connections == []  # not all commands are here: nothing is dialled
        wire.send(framed(TOPIC[30:]))
        deadline = time.monotonic() + 5
        while not origin.connections:
            assert time.monotonic() < deadline, "the decision waits for the objects"
            time.sleep(0.01)
        for _ in range(SIZE // len(PIECE)):
            digest.update(PIECE)
            wire.send(framed(PIECE))
        if chunked:
            wire.send(b"0\r\n\r\n")
        assert wire.response("POST").status == 201
    seen = origin.wait_for()
    assert (seen.length, seen.sha256) == (total, digest.hexdigest())
    assert exeat.memory() - before < SIZE // 2
    record = exeat.audit_records("decision", decision="permit")[-1]
    assert (record["action"], record["resource"]) == (
        "example:git/update",
        'Example::Ref::"acme/site/refs/heads/topic"',
    )
    time.sleep(0.1)
    assert exeat.audit_records("outcome", decision_id=record["decision_id"])[0]["bytes"]["sent"] == total


def test_http2_streams_too(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", PATH, ("content-type", TYPE), end=False)
        wire.data(number, TOPIC[:30], end=False)
        wire.pump(0.1, lambda: False)
        assert origin.connections == []
        wire.data(number, TOPIC[30:] + b"PACK", end=False)
        wire.pump(0.3, lambda: False)
        wire.data(number, b"more")
        assert wire.finish(number).status == 201
    assert origin.wait_for().sha256 == hashlib.sha256(TOPIC + b"PACKmore").hexdigest()


def test_a_short_push_in_one_piece(exeat, mission, origin):
    assert ask(exeat, mission, "POST", PATH, KIND, body=TOPIC + b"PACK").status == 201
    assert origin.wait_for().sha256 == hashlib.sha256(TOPIC + b"PACK").hexdigest()
    origin.clear()
    assert ask(exeat, mission, "POST", PATH, KIND, body=b"0000").status == 201
    assert origin.wait_for().sha256 == hashlib.sha256(b"0000").hexdigest()


@pytest.mark.guard("push-refs")
@pytest.mark.parametrize(("commands", "code"), [
    ([(OLD, NEW, "refs/heads/main")], "policy_denied"), ([(OLD, NEW, "refs/heads/MAIN")], "policy_denied"),
    ([(OLD, NEW, "refs/heads/topic"), (OLD, NEW, "refs/heads/main")], "policy_denied"),
    ([(OLD, NONE, "refs/heads/topic")], "operation_unknown"), ([(NONE, NEW, "refs/tags/v1")], "operation_unknown"),
    ([(OLD, NEW, "refs/heads/topic"), (OLD, NONE, "refs/heads/old")], "operation_unknown"),
    ([(OLD, NEW, "refs/heads/a..b")], "request_malformed"), ([(NONE, NONE, "refs/heads/a")], "request_malformed"),
])  # fmt: skip
@pytest.mark.parametrize("more", [True, False])
def test_one_ref_that_may_not_move_stops_the_push(exeat, mission, origin, commands, code, more):
    """Refused at the end of the commands, whether or not the objects have come; the origin hears of nothing."""
    body = push(*commands)
    with tunnel(exeat, mission) as wire:
        length = len(body) + (1000 if more else 0)
        wire.send(f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{KIND}\r\nContent-Length: {length}\r\n\r\n").send(body)
        refused(wire.response("POST"), code)
    assert untouched(origin)


@pytest.mark.parametrize("body", [TOPIC[:-4], b"PACK", push(*((OLD, NEW, f"refs/heads/{n}") for n in range(101)))])
def test_commands_without_end_go_nowhere(exeat, mission, origin, body):
    refused(ask(exeat, mission, "POST", PATH, KIND, body=body), "request_malformed")
    assert untouched(origin)


def test_commands_over_the_limit_go_nowhere(exeat, mission, origin):
    body = push(*((OLD, NEW, f"refs/heads/{n}") for n in range(LIMIT // 80)))
    answer = ask(exeat, mission, "POST", PATH, KIND, body=body)
    assert (answer.status, answer.header("content-type")) == (400, "text/plain; charset=utf-8")
    assert "request_malformed" in answer.header("proxy-status")
    assert untouched(origin)


def test_a_mission_that_ends_cuts_the_push(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{KIND}\r\nContent-Length: {len(TOPIC) + 100}\r\n\r\n").send(
            TOPIC
        )
        deadline = time.monotonic() + 5
        while not origin.connections:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        exeat.end(mission)
        assert wire.response("POST").closed
    origin.wait_quiet(0.05)
    assert [seen for seen in origin.requests if seen.length == len(TOPIC) + 100] == []


@pytest.mark.parametrize("length", [True, False])
def test_a_push_over_http2_reaches_an_origin_of_http1_framed(authority, make_exeat, length):
    """Without a length nor chunks, the objects would be further requests to it."""
    body = TOPIC + b"PACK"
    with Origin(authority, "*.example.test", h2=False) as origin:
        exeat = make_exeat(origin, change=lambda config: configure(config, origin)).start()
        with H2Wire(exeat, exeat.open()) as wire:
            for _ in range(2):
                fields = [("content-type", TYPE), *([("content-length", str(len(body)))] if length else [])]
                number = wire.open("POST", PATH, *fields, end=False)
                wire.data(number, TOPIC, end=False)
                wire.pump(0.2, lambda: False)
                wire.data(number, b"PACK")
                assert wire.finish(number).status == 201
        assert [(seen.method, seen.sha256) for seen in origin.requests] == [
            ("POST", hashlib.sha256(body).hexdigest())
        ] * 2
        exeat.stop()
