"""What one agent could take from the others: heads, bodies, time, connections. Each is bounded, and the others are served."""

from __future__ import annotations

import contextlib
import gzip
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

from rig.attack import Bystander
from rig.config import allow_silent, operation, service
from rig.proxy import COMMAND
from rig.wire import Wire, ask, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
MEBIBYTE = 1024 * 1024
HEAD, BODY = 2.0, 1.0
MOST_OF_AN_AGENT, GUESTS = 6, 40
LARGEST = 4 * MEBIBYTE


def configure(config, origin):
    config.tables["proxy"]["limits"] = {
        "head": f"{HEAD:g}s", "body": f"{BODY:g}s", "body_progress": 100, "idle": "30s", "decision": "3s", "connect": "6s",
        "agent_connections": MOST_OF_AN_AGENT, "source_connections": GUESTS, "streamed_body": LARGEST, "inspected_body": "64KiB",
        "buffered": "16MiB",
    }  # fmt: skip
    allow_silent(config)
    config.allow("rpc.example.test")
    config.template["operations"].append("rpc:*")
    config.tables["service"].append(
        service(
            "rpc",
            "rpc.example.test",
            operation("POST /graphql", "graph/write", "write", reader="graphql", select="mutation:*", max_body=LARGEST),
        )
    )


def _only_the_bystander(origin):
    assert {seen.path for seen in origin.requests} <= {"/v1/refunds"}


def _cut(wire, limit):
    """Seconds until the proxy closed the connection."""
    began = time.monotonic()
    wire.sock.settimeout(limit)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while wire.sock.recv(65536):
            assert time.monotonic() - began < limit
    return time.monotonic() - began


def _pour(wire, piece, times):
    for _ in range(times):
        wire.sock.sendall(piece)


# --- H14: heads ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("H14")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)), id="ten thousand fields"),
        pytest.param(b"X-Large: " + b"a" * MEBIBYTE + b"\r\n", id="a field of a mebibyte"),
        pytest.param((b"X-Large: " + b"a" * 65000 + b"\r\n") * 256, id="sixteen mebibytes in all"),
        pytest.param(b"".join(b"X-%d: 1\r\n" % n for n in range(101)), id="one field too many"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_head_beyond_the_limits(exeat, mission, origin, others, fields, inside):
    with tunnel(exeat, mission) if inside else Wire(exeat) as wire:
        target = "/v1/refunds" if inside else "http://plain.example.test/echo"
        head = f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nProxy-Authorization: {basic(mission['pass'])}\r\n".encode()
        wire.send(head + fields + b"\r\n")
        with contextlib.suppress(ConnectionError):
            answer = wire.response()
            assert answer.closed or answer.status == 400
    _only_the_bystander(origin)


@pytest.mark.row("H14")
@pytest.mark.parametrize("inside", [False, True])
def test_a_head_that_never_ends(exeat, mission, origin, others, inside):
    with tunnel(exeat, mission) if inside else Wire(exeat) as wire:
        wire.send(f"GET /v1/refunds HTTP/1.1\r\nHost: {HOST}\r\n")
        line = b"X-Filler: " + b"a" * 8000 + b"\r\n"
        for _ in range(4096):
            try:
                wire.sock.sendall(line)
            except OSError:
                break
        else:
            pytest.fail("32 MiB of a head were taken")
    _only_the_bystander(origin)


@pytest.mark.row("H14")
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"1\r\nx\r\n0\r\n" + (b"X-Filler: " + b"a" * 8000 + b"\r\n") * 400, id="trailers"),
        pytest.param(b"1;" + b"e" * 3_000_000, id="a chunk extension"),
        pytest.param(b"0" * 3_000_000, id="a chunk size"),
    ],
)
def test_chunks_and_trailers_that_never_end(exeat, mission, origin, others, rest):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + rest)
        denied(wire.response("POST"))
    assert all(not seen.complete for seen in origin.requests if seen.path == "/upload")


# --- M13: time ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("M13")
@pytest.mark.parametrize("part", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 40])
def test_a_hello_that_never_ends(exeat, mission, origin, others, part):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        wire.send(part)
        assert _cut(wire, HEAD + 8) < HEAD + 6
    _only_the_bystander(origin)


@pytest.mark.row("M13")
@pytest.mark.guard("slow-body")
@pytest.mark.parametrize("http2", [False, True])
def test_a_body_that_drips(exeat, mission, origin, others, http2):
    """It ends with an answer that says why; over HTTP/2 its siblings go on."""
    if http2:
        with H2Wire(exeat, mission) as wire:
            number = wire.open("POST", "/upload", end=False)
            stream, began = wire.streams[number], time.monotonic()
            while not stream.status and time.monotonic() - began < 10:
                wire.data(number, b"x", end=False)
                wire.pump(0.1, lambda: stream.status)
            wire.pump(2, lambda: stream.ended)
            refused(stream.response(), "request_malformed", status=400)
            assert wire.request("GET", "/v1/refunds").status == 200
    else:
        with tunnel(exeat, mission) as wire:
            wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000\r\n\r\n")
            dripping = threading.Event()

            def drip():
                for _ in range(100):
                    wire.send(b"x")
                    if dripping.wait(0.1):
                        return

            thread = threading.Thread(target=drip)
            thread.start()
            try:
                refused(wire.response("POST"), "request_malformed", status=400)
            finally:
                dripping.set()
                thread.join()
    records = exeat.audit_records("outcome", mission=mission["mission"], code="request_malformed")
    assert [record["outcome"] for record in records] == ["unknown"], "part of it is with the origin"


@pytest.mark.row("M13")
@pytest.mark.parametrize("http2", [False, True])
def test_a_refused_body_that_goes_on_for_ever_is_not_thrown_away_for_ever(exeat, mission, origin, others, http2):
    if http2:
        with H2Wire(exeat, mission) as wire:
            number = wire.open("POST", "/v1/payouts", end=False)
            stream, began = wire.streams[number], time.monotonic()
            while not stream.reset and time.monotonic() - began < 10:
                wire.data(number, b"x", end=False)
                wire.pump(0.1, lambda: stream.reset)
            assert stream.status == 403
            assert stream.reset
            assert wire.request("GET", "/v1/refunds").status == 200
    else:
        with tunnel(exeat, mission) as wire:
            wire.send(f"POST /v1/payouts HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000000\r\n\r\n")
            refused(wire.response("POST"), "policy_denied")
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 10:
                    wire.sock.sendall(b"x" * 1000)
                    time.sleep(0.05)
            assert time.monotonic() - began < 8
    _only_the_bystander(origin)


@pytest.mark.row("M13")
def test_a_conversation_may_take_its_time_once_the_answer_has_begun(exeat, mission, origin):
    """A limit on progress that cut what both sides keep open would break streaming both ways."""
    with H2Wire(exeat, mission) as wire:
        number = wire.open("GET", "/sse?n=12&interval=0.2")
        assert wire.finish(number, 10).body.count(b"data:") == 12


# --- bodies -------------------------------------------------------------------------------------------------------------


@pytest.mark.row("M14")
@pytest.mark.guard("streamed-body")
def test_a_declared_body_beyond_the_limit_is_refused_before_anything_is_dialled(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {LARGEST + 1}\r\n\r\n")
        refused(wire.response("POST"), "request_malformed", status=400)
    assert origin.connections == []
    [outcome] = exeat.audit_records("outcome", mission=mission["mission"])
    assert (outcome["outcome"], outcome["code"]) == ("not_sent", "request_malformed")


@pytest.mark.row("M14")
@pytest.mark.guard("streamed-body-count")
def test_a_body_that_grows_beyond_the_limit_ends_there(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(LARGEST // 65536 + 4):
            wire.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        refused(wire.response("POST"), "request_malformed", status=400)
    assert origin.last.length <= LARGEST
    assert not origin.last.complete


@pytest.mark.row("M14")
@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate, gzip"])
def test_a_compressed_body_that_would_have_to_be_read_is_refused_unopened(exeat, mission, origin, others, encoding):
    """Ten thousand to one; none of it is decompressed here."""
    bomb = gzip.compress(b'{"query": "' + b"a" * (50 * MEBIBYTE) + b'"}')[:60_000]
    line = f"Content-Encoding: {encoding}"
    answer = ask(
        exeat, mission, "POST", "/graphql", line, "Content-Type: application/json", host="rpc.example.test", body=bomb
    )
    refused(answer, "request_malformed", "operation_unknown")
    _only_the_bystander(origin)


@pytest.mark.row("M14")
def test_a_body_too_large_to_be_judged(exeat, mission, origin, others):
    with tunnel(exeat, mission, "rpc.example.test") as wire:
        wire.send("POST /graphql HTTP/1.1\r\nHost: rpc.example.test\r\nContent-Type: application/json\r\n")
        wire.send(b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b" " * 32768 + b"\r\n") * 4)
        refused(wire.response("POST"), "request_malformed", status=400)
    _only_the_bystander(origin)


@pytest.mark.guard("held-client")
def test_what_comes_while_the_origin_is_being_reached_waits_with_the_agent(exeat, mission, origin, others):
    """A hundred mebibytes for an origin that accepts and says nothing: the agent's send stalls."""
    with (
        socket.create_server(("127.0.0.1", exeat.config.silent)),
        tunnel(exeat, mission, "silent.example.test") as wire,
    ):
        before = exeat.memory()
        wire.send("POST /upload HTTP/1.1\r\nHost: silent.example.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            _pour(wire, b"10000\r\n" + b"x" * 65536 + b"\r\n", 1600)
        assert exeat.memory() - before < 24 * MEBIBYTE


@pytest.mark.guard("held-client")
def test_requests_piled_up_behind_a_slow_one_wait_with_the_agent(exeat, mission, origin, others):
    """Pipelining: the second request isn't read before the first is answered, nor are 64 MiB of it."""
    before = exeat.memory()
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /slow?s=6 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        wire.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            _pour(wire, b"x" * 65536, 1024)
    assert exeat.memory() - before < 24 * MEBIBYTE


# --- hostile origins ----------------------------------------------------------------------------------------------------


@pytest.mark.row("H14")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/interim", marks=pytest.mark.guard("interim-answers")),
        "/interim?n=200",
        pytest.param("/endless-head", marks=pytest.mark.guard("answer-heads")),
    ],
)
def test_an_origin_whose_answer_never_begins(exeat, mission, origin, others, path):
    """T3: interim answers without end, a head without end; refused in our words, and the connection is closed."""
    refused(ask(exeat, mission, "GET", path), "upstream_unreachable")
    [outcome] = exeat.audit_records("outcome", mission=mission["mission"])
    assert (outcome["outcome"], outcome["code"]) == ("unknown", "upstream_unreachable")


def test_some_interim_answers_are_no_answer(exeat, mission, origin):
    """A 103 was once taken for the answer itself."""
    answer = ask(exeat, mission, "GET", "/interim?n=2")
    assert answer.status == 200
    assert answer.json() == {"interim": True}


@pytest.mark.row("H14")
def test_an_origin_whose_trailers_never_end(exeat, mission, origin, others):
    answer = ask(exeat, mission, "GET", "/endless-trailers")
    assert not answer.complete
    assert answer.status == 200


def test_a_torn_head_that_quotes_the_token_is_not_told(exeat, mission, origin):
    """mitmproxy's page for it quotes what the origin sent."""
    answer = ask(exeat, mission, "GET", "/torn")
    token = origin.last.one("authorization").partition(" ")[2].encode()
    refused(answer, "upstream_unreachable")
    assert token not in answer.body
    assert b"X-Echo" not in answer.body


# --- M13: connections ---------------------------------------------------------------------------------------------------


@pytest.mark.row("M13")
@pytest.mark.guard("guests")
def test_sockets_that_show_nothing_push_out_each_other_and_nobody_else(exeat, mission, origin, others):
    with tunnel(exeat, mission) as mine:
        idle = []
        try:
            for _ in range(5 * GUESTS):
                with contextlib.suppress(OSError):
                    idle.append(socket.create_connection(("127.0.0.1", exeat.port), 2))
            assert mine.request("GET", "/v1/refunds", host=HOST).status == 200
            assert exeat.admin("GET", "/v1/status").ok()["connections"] <= GUESTS + 2 * MOST_OF_AN_AGENT
        finally:
            for each in idle:
                each.close()


@pytest.mark.row("M13")
@pytest.mark.guard("agent-connections")
def test_one_agent_has_so_many_connections_and_its_idle_ones_go_first(exeat, mission, origin, others):
    wires = [tunnel(exeat, mission) for _ in range(MOST_OF_AN_AGENT)]
    try:
        for wire in wires[1:]:
            wire.send(f"GET /slow?s=2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        origin.wait_for(MOST_OF_AN_AGENT - 1)
        with tunnel(exeat, mission) as one_more:
            assert one_more.request("GET", "/v1/refunds", host=HOST).status == 200
            assert _cut(wires[0], 5) < 5, "the idle one was closed for it"
            one_more.send(f"GET /slow?s=2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
            time.sleep(0.2)
            with contextlib.suppress(OSError), Wire(exeat) as too_many:
                assert too_many.connect(f"{HOST}:443", mission["pass"]).closed
            assert one_more.response().status == 200
        assert [wire.response().status for wire in wires[1:]] == [200] * (MOST_OF_AN_AGENT - 1)
    finally:
        for wire in wires:
            wire.close()


IDLE = """
import resource, socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
kept = []
for number in range(count):
    one = socket.socket()
    one.settimeout(10)
    try:
        one.connect(("127.0.0.1", port))
        kept.append(one)
    except OSError:
        one.close()
print(len(kept), flush=True)
sys.stdin.read()
"""


@pytest.mark.row("M13")
def test_ten_thousand_idle_sockets(make_exeat, origin):
    """With the limits as they come; measured: some 30 MiB more, and the other agent's requests in milliseconds."""
    count = 10_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count + 200:
        pytest.skip("the hard limit of open files is too low for ten thousand sockets")
    origin.clear()
    with make_exeat(origin) as exeat:
        before = exeat.memory()
        with Bystander(exeat, limit=10) as bystander:
            child = subprocess.Popen(
                [sys.executable, "-c", IDLE, str(exeat.port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            try:
                assert int(child.stdout.readline()) > count // 2
                served = len(bystander.seconds)
                deadline = time.monotonic() + 20
                while len(bystander.seconds) < served + 5 and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert exeat.admin("GET", "/v1/status").ok()["connections"] <= 2000
                assert exeat.admin("GET", "/healthz", token=None).status == 200
            finally:
                child.communicate()
        grown = exeat.memory() - before
        assert grown < 150 * MEBIBYTE


@pytest.mark.row("M13")
def test_when_descriptors_run_out_nothing_breaks(make_exeat, origin, monkeypatch):
    """A low limit of open files: connections beyond it are turned away, the audit and the admin API go on."""
    origin.clear()

    def change(config):
        config.tables["proxy"]["limits"] = {"connections": 5000, "source_connections": 5000, "agent_connections": 5000}

    exeat = make_exeat(origin, change=change)
    limit = 300
    monkeypatch.setattr("rig.proxy.COMMAND", ["sh", "-c", f'ulimit -n {limit} && exec "$0" "$@"', *COMMAND])
    exeat.start()
    mission = exeat.open()
    idle = []
    try:
        for _ in range(2 * limit):
            with contextlib.suppress(OSError):
                idle.append(socket.create_connection(("127.0.0.1", exeat.port), 2))
        time.sleep(0.3)
        assert exeat.admin("GET", "/healthz", token=None).status == 200
        assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    finally:
        for each in idle:
            each.close()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    exeat.stop()
    assert "Traceback" not in exeat.log_text(), exeat.log_text()
