"""An allowed origin that turns on its agents: whatever it answers, an agent gets the one answer to its one request, or none,
and nothing of it for the next."""

from __future__ import annotations

import pytest

from rig.account import decisions, outcome_of
from rig.config import operation, service
from rig.scripted_origin import ScriptedOrigin
from rig.wire import denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "hostile.example.test"
GET = f"GET /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


def _token_of(head):
    """What a request showed as its credential."""
    return next(line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization:")).split()[-1]


@pytest.fixture(scope="module")
def hostile(authority):
    with ScriptedOrigin(authority, HOST) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, hostile):
    config.allow(HOST, local=hostile.port)
    paths = [operation("GET,HEAD,POST /x", "x", "read")]
    config.tables["service"].append(service("hostile", HOST, *paths))
    config.template["operations"].append("hostile:read")
    config.tables["proxy"]["limits"] = {"idle": "4s"}
    return config


def then_honest(hostile):
    """From the second request on, the origin answers well."""
    first = hostile.script

    def script(sock, head):
        if len(hostile.heads) == 1:
            first(sock, head)
        else:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest")

    hostile.script = script


@pytest.mark.row("S12")
@pytest.mark.parametrize(
    "more",
    [
        POISON,
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n\r\n",
        b"garbage",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw",
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_more_than_was_asked_for_is_dropped_and_the_connection_with_it(exeat, mission, hostile, answer, more):
    hostile.answer(answer + more)
    then_honest(hostile)
    with tunnel(exeat, mission, HOST) as wire:
        first = wire.send(GET).response()
        assert (first.status, first.complete, first.body) in ((200, True, b"ok"), (204, True, b""))
        hostile.wait_ended()
        assert wire.send(GET).response().body == b"honest"
    assert hostile.connections == 2


@pytest.mark.row("S12")
@pytest.mark.parametrize("head", [
    "Content-Length: 2\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 2", "Content-Length: 2\r\nContent-Length: 3",
    "Content-Length: +2", "Content-Length: 0x2", "Content-Length: -2", "Content-Length: 2, 3", "Content-Length: 2_0", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding:\x0bchunked",
    "Content-Length : 2", "X-A: b\x00c\r\nContent-Length: 2", "X-A: b\rc\r\nContent-Length: 2", "X A: b\r\nContent-Length: 2",
    "X-A: b\r\n folded\r\nContent-Length: 2", ": b\r\nContent-Length: 2",
])  # fmt: skip
@pytest.mark.parametrize("http2", [False, True])
def test_an_answer_that_can_be_read_in_two_ways_reaches_nobody(exeat, mission, hostile, head, http2):
    hostile.answer(b"HTTP/1.1 200 OK\r\n" + head.encode("latin-1") + b"\r\n\r\n" + b"ok" + POISON)
    then_honest(hostile)
    if http2:
        with H2Wire(exeat, mission, HOST) as h2:
            denied(h2.request("GET", "/x"))
            assert h2.request("GET", "/x").body == b"honest"
    else:
        with tunnel(exeat, mission, HOST) as wire:
            answer = wire.send(GET).response()
            denied(answer)
            assert b"poison" not in answer.body
    hostile.wait_ended()


@pytest.mark.row("S12")
@pytest.mark.parametrize(
    "chunks",
    [
        b"0x2\r\nok\r\n0\r\n\r\n",
        b"2\r\nokXX0\r\n\r\n",
        b"2;a\nb\r\nok\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFFF\r\nok",
        b"2\r\nok\r\n",
    ],
)
def test_an_answer_in_odd_chunks_is_cut(exeat, mission, hostile, chunks):
    hostile.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, close=True)
    with tunnel(exeat, mission, HOST) as wire:
        answer = wire.send(GET).response()
        assert not answer.complete
    assert outcome_of(exeat, decisions(exeat, mission)[0])["outcome"] == "unknown"


@pytest.mark.row("S12")
@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
    ],
)
@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("pieces", [True, False])
def test_interim_answers_are_not_the_answer(exeat, mission, hostile, interim, http2, pieces):
    """RFC 9110 §15.2: any number may come first; none of them ends the exchange."""
    if pieces:
        hostile.answer(b"")
        hostile.script = lambda sock, _: [sock.sendall(bytes([each])) for each in interim + OK]
    else:
        hostile.answer(interim + OK)
    if http2:
        with H2Wire(exeat, mission, HOST) as h2:
            answers = [h2.request("GET", "/x"), h2.request("GET", "/x")]
    else:
        with tunnel(exeat, mission, HOST) as wire:
            answers = [wire.send(GET).response(), wire.send(GET).response()]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok")] * 2
    for record in decisions(exeat, mission, 2):
        assert (outcome_of(exeat, record)["outcome"], outcome_of(exeat, record)["status"]) == ("sent", 200)


@pytest.mark.row("S12")
@pytest.mark.guard("interim-answers")
def test_interim_answers_without_end_are_cut(exeat, mission, hostile):
    def flood(sock, _):
        while True:
            sock.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)

    hostile.answer(b"")
    hostile.script = flood
    with tunnel(exeat, mission, HOST) as wire:
        refused(wire.send(GET).response(), "upstream_unreachable")
    hostile.wait_ended()


@pytest.mark.row("S12")
@pytest.mark.guard("answer-heads")
@pytest.mark.parametrize("piece", [b"X-A: b\r\n", b"a" * 1000])
def test_an_answers_head_without_end_is_cut(exeat, mission, hostile, piece):
    before = exeat.memory()

    def flood(sock, _):
        sock.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(64 * 2**20 // len(piece * 100)):
            sock.sendall(piece * 100)

    hostile.answer(b"")
    hostile.script = flood
    with tunnel(exeat, mission, HOST) as wire:
        refused(wire.send(GET).response(), "upstream_unreachable")
    hostile.wait_ended()
    assert exeat.memory() - before < 16 * 2**20


@pytest.mark.row("S12", "W06")
@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "raw", ""])
@pytest.mark.parametrize("http2", [False, True])
def test_a_101_that_nobody_asked_for_is_not_bridged(exeat, mission, hostile, upgrade, http2):
    hostile.answer(f"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {upgrade}\r\n\r\nRAW".encode())
    if http2:
        with H2Wire(exeat, mission, HOST) as h2:
            answer = h2.request("GET", "/x")
    else:
        with tunnel(exeat, mission, HOST) as wire:
            answer = wire.send(GET).response()
            wire.send("raw bytes towards the origin")
            wire.close()
    assert answer.status not in {101, 200}
    assert b"RAW" not in answer.body
    hostile.wait_ended()
    assert len(hostile.heads) == 1


@pytest.mark.row("S12")
@pytest.mark.parametrize(("method", "answer"), [
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n" + POISON), ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 80\r\n\r\n" + POISON),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 80\r\n\r\n" + POISON),
    ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
])  # fmt: skip
def test_a_body_where_there_is_none_belongs_to_nobody(exeat, mission, hostile, method, answer):
    hostile.answer(answer)
    then_honest(hostile)
    with tunnel(exeat, mission, HOST) as wire:
        first = wire.send(GET.replace("GET", method)).response(method)
        assert first.status in {200, 204, 304, 0, 502}
        assert first.body == b"" or first.status == 502
        second = wire.send(GET).response()
    assert second.closed or second.body == b"honest"
    hostile.wait_ended()


@pytest.mark.row("S12")
@pytest.mark.guard("answer-grammar")
@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x16\x03\x01", b"200 OK\r\n\r\n",
                                    b"HTTP/1.1 99 Low\r\n\r\n", b"HTTP/1.1 1000 High\r\n\r\n"])  # fmt: skip
def test_what_is_no_answer_is_none(exeat, mission, hostile, answer):
    hostile.answer(answer, close=True)
    with tunnel(exeat, mission, HOST) as wire:
        reply = wire.send(GET).response()
    refused(reply, "upstream_unreachable", status=502)
    assert outcome_of(exeat, decisions(exeat, mission)[0])["outcome"] == "unknown"


@pytest.mark.row("H11")
@pytest.mark.parametrize("status", [401, 403, 407])
@pytest.mark.parametrize("http2", [False, True])
def test_a_challenge_quotes_no_token_and_never_asks_for_the_pass(exeat, mission, hostile, status, http2):
    """A 407 from behind us would have the agent send its pass again; a 401 may quote what was sent."""

    def quoting(sock, head):
        token = _token_of(head)
        body = b'{"error": "bad token %s"}' % token
        sock.sendall(
            b'HTTP/1.1 %d No\r\nWWW-Authenticate: Bearer error_description="%s"\r\nProxy-Authenticate: Basic realm="evil"\r\n'
            b"Authentication-Info: nextnonce=%s\r\nContent-Length: %d\r\n\r\n%s" % (status, token, token, len(body), body)
        )  # fmt: skip

    hostile.answer(b"")
    hostile.script = quoting
    if http2:
        with H2Wire(exeat, mission, HOST) as h2:
            answer = h2.request("GET", "/x")
    else:
        with tunnel(exeat, mission, HOST) as wire:
            answer = wire.send(GET).response()
    token = _token_of(hostile.heads[-1])
    assert len(token) > 100
    assert token not in answer.body + repr(answer.headers).encode()
    assert answer.header("proxy-authenticate") == ""
    assert answer.status == status
