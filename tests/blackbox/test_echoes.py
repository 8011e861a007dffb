"""An origin that hands the token back doesn't hand it to the agent: wherever it stands, coded, cut, or quoted in an error."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from urllib.parse import quote

import orjson
import pytest

from rig.config import operation, service
from rig.echoing import CODINGS, LONG, EchoingOrigin, said
from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, OLD = "api.example.test", "old.example.test"


@pytest.fixture(scope="module")
def origin(authority):
    with EchoingOrigin(authority, "*.example.test") as running:
        yield running


@pytest.fixture(scope="module")
def old(authority):
    """An origin that speaks HTTP/1.1 only."""
    with EchoingOrigin(authority, OLD, h2=False) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, old):
    echo = operation("GET,HEAD /as/{how}", "as", "read")
    config.service("example")["operation"].append(echo)
    config.allow(OLD, local=old.port)
    config.tables["service"].append(service("old", OLD, echo))
    config.template["operations"].append("old:read")
    return config


def clean(origin, *texts):
    """Nothing of the token, nor of its signature alone, in any of these."""
    token = said(origin.last)
    assert token.startswith("eyJ"), "the request carried no token"
    for text in (each if isinstance(each, bytes) else repr(each).encode() for each in texts):
        for form in (token, quote(token, safe=""), token.rpartition(".")[2], token.encode().hex()):
            assert form.encode() not in text
        for shift in range(3):
            assert base64.b64encode(b"\0" * shift + token.encode())[4:-4] not in text


# --- coded bodies ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("H09", "H10")
@pytest.mark.guard("coded-answers")
@pytest.mark.parametrize("size", [0, 1, 50])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_coded_body_reaches_the_agent_decoded_and_covered(exeat, mission, origin, coding, size):
    answer = ask(exeat, mission, "GET", f"/as/{coding}?size={size}", "Accept-Encoding: gzip, br")
    assert origin.last.header("accept-encoding") == ["identity"]
    assert answer.status == 200
    assert answer.complete
    body = answer.json()
    assert set(body["token"]) == {"*"}
    assert body["fill"] == "x" * 3000
    clean(origin, answer.body, answer.headers)
    assert answer.header("content-encoding") == answer.header("content-digest") == answer.header("accept-ranges") == ""
    assert answer.header("etag") == 'W/"strong"'


@pytest.mark.row("H10")
@pytest.mark.parametrize("coding", CODINGS)
def test_over_http2_too(exeat, mission, origin, coding):
    with H2Wire(exeat, mission) as wire:
        for size in (0, 50):
            answer = wire.request("GET", f"/as/{coding}?size={size}")
            assert set(answer.json()["token"]) == {"*"}
            assert answer.header("content-encoding") == answer.header("content-length") == ""


def test_an_http10_agent_gets_it_until_the_connection_closes(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /as/gzip HTTP/1.0\r\nHost: {HOST}\r\n\r\n")
        received = b""
        while piece := wire.sock.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert set(orjson.loads(body)["token"]) == {"*"}


def test_the_connection_serves_the_next_request(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        for coding in ("gzip", "zstd", "gzip"):
            assert wire.request("GET", f"/as/{coding}", host=HOST).complete
        assert wire.request("GET", "/v1/refunds", host=HOST).status == 200


def test_what_has_no_body_keeps_its_fields(exeat, mission, origin):
    for method, path in (("HEAD", "/as/head"), ("GET", "/as/head?status=304")):
        with tunnel(exeat, mission) as wire:
            wire.send(f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
            head = wire.sock.recv(65536)
        assert b"gzip" in head
        assert b'"strong"' in head
        assert b"W/" not in head


@pytest.mark.row("H10")
@pytest.mark.guard("unknown-coding")
@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "dcb", "gzip;q=1", "*"])
def test_a_coding_that_cant_be_undone_is_refused(exeat, mission, origin, coding):
    with tunnel(exeat, mission) as wire:
        answer = wire.request("GET", f"/as/unknown?coding={quote(coding)}", host=HOST)
        refused(answer, "answer_refused", status=502)
        assert wire.request("GET", "/v1/refunds", host=HOST).status == 200
    [outcome] = exeat.audit_records("outcome", mission=mission["mission"], code="answer_refused")
    assert outcome["outcome"] == "sent"
    assert outcome["status"] == 502


def test_one_refused_answer_leaves_its_siblings_alone(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        first = wire.open("GET", "/slow?s=0.5")
        refused(wire.request("GET", "/as/unknown?coding=compress"), "answer_refused", status=502)
        assert wire.finish(first).status == 200
        upload = wire.open("POST", "/upload", end=False)
        refused(wire.request("GET", "/as/grpc"), "answer_refused", status=502)
        wire.data(upload, b"x" * 100)
        assert wire.finish(upload).json()["length"] == 100


@pytest.mark.row("H10")
@pytest.mark.parametrize("early", ["", "1"])
def test_a_body_that_isnt_what_it_says_is_cut(exeat, mission, origin, early):
    answer = ask(exeat, mission, "GET", f"/as/cut?early={early}")
    assert not answer.complete
    clean(origin, answer.body)
    [outcome] = exeat.audit_records("outcome", mission=mission["mission"])
    assert outcome["outcome"] == "unknown"


@pytest.mark.row("M14")
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_cut_in_bounded_memory_and_nobody_else_notices(exeat, mission, origin, coding):
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    before = exeat.memory()
    with H2Wire(exeat, mission) as wire:
        sibling = wire.open("GET", "/sse?n=5&interval=0.1")
        bomb = wire.open("GET", f"/as/bomb?coding={coding}")
        wire.finish(bomb, limit=20)
        assert wire.streams[bomb].reset
        assert len(wire.streams[bomb].body) < 60_000_000
        wire.finish(sibling)
        assert wire.streams[sibling].ended
    assert exeat.memory() - before < 64 * 2**20


@pytest.mark.row("H10")
def test_messages_in_a_coding_are_refused(exeat, mission, origin):
    refused(ask(exeat, mission, "GET", "/as/grpc", "grpc-accept-encoding: gzip"), "answer_refused", status=502)
    assert origin.last.header("grpc-accept-encoding") == []


def test_where_no_token_goes_nothing_is_undone(exeat, mission, origin):
    answer = ask(exeat, mission, "GET", "/as/gzip", "Accept-Encoding: gzip", host="cdn.example.test")
    assert origin.last.header("accept-encoding") == ["gzip"]
    assert answer.header("content-encoding") == "gzip"
    assert answer.header("etag") == '"strong"'
    assert answer.body[:2] == b"\x1f\x8b"


# --- streams -----------------------------------------------------------------------------------------------------------------


@pytest.mark.row("H10")
@pytest.mark.guard("empty-chunk")
@pytest.mark.parametrize("at", [1, 2, 8, 100])
def test_a_chunk_that_is_all_token_doesnt_end_the_body(exeat, mission, origin, at):
    answer = ask(exeat, mission, "GET", f"/as/chunks?at={at}")
    assert answer.complete
    assert answer.body == b"before " + b"*" * len(said(origin.last)) + b" after"


@pytest.mark.row("H09", "H10")
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_events_arrive_as_they_are_sent(exeat, mission, origin, coding):
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /as/events?coding={coding} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        received, first = b"", 0.0
        while not received.endswith(b"0\r\n\r\n"):
            received += wire.sock.recv(65536)
            if b"data: 0" in received and not first:
                first = time.monotonic()
        assert time.monotonic() - first > 0.6, "the first event was held back"
    clean(origin, received)
    assert b"data: 1 ****" in received
    assert b"data: 2 \n\n" in received


# --- fields ------------------------------------------------------------------------------------------------------------------


@pytest.mark.row("H09", "H11")
@pytest.mark.guard("token-scrub")
@pytest.mark.parametrize("status", [302, 401, 407, 500])
def test_no_field_quotes_the_token(exeat, mission, origin, status):
    answer = ask(exeat, mission, "GET", f"/as/fields?status={status}")
    assert answer.status == status
    clean(origin, answer.headers)
    assert "***" in answer.header("location")
    assert "***" in answer.header("www-authenticate")
    assert answer.header("proxy-authenticate") == ""
    token = said(origin.last)
    assert token[:60] not in repr(answer.headers).replace("-", ".")


@pytest.mark.row("H09")
def test_no_trailer_does(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        number = wire.open("GET", "/as/trailers")
        wire.finish(number)
        assert [name for name, _ in wire.streams[number].trailers] == ["x-token"]
        clean(origin, wire.streams[number].trailers)


@pytest.mark.row("H11", "M08")
@pytest.mark.guard("quoted-answer")
@pytest.mark.parametrize(
    "answer",
    [
        "HTTP/1.1 TOKEN\r\n\r\n",
        "Bearer TOKEN is not a status line\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTOKEN\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Name TOKEN: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: TOKEN\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: TOKEN\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: TOKEN\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nX: TOKEN\r\n\r\n5\r\nTOKEN\r\n0\r\n\r\n",
        "HTTP/1.1 200 TOKEN\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Bearer TOKEN was refused\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nTOKEN\r\n",
        "HTTP/1.1 101 TOKEN\r\nUpgrade: TOKEN\r\nConnection: upgrade\r\n\r\nTOKEN",
        "TOKEN",
    ],
)
@pytest.mark.parametrize("http2", [False, True])
def test_an_answer_that_is_no_http_isnt_quoted(exeat, mission, old, answer, http2):
    path = f"/as/raw?close=1&bytes={quote(answer, safe='')}"
    if http2:
        with H2Wire(exeat, mission, OLD) as wire:
            received = repr(wire.request("GET", path)).encode()
        assert old.last.version == "HTTP/1.1"
    else:
        with tunnel(exeat, mission, OLD) as wire:
            wire.send(f"GET {path} HTTP/1.1\r\nHost: {OLD}\r\nConnection: close\r\n\r\n")
            wire.sock.settimeout(0.7)  # what comes comes at once; the connection may stay open
            received = b""
            with suppress(OSError):
                while piece := wire.sock.recv(65536):
                    received += piece
    clean(old, received, exeat.everything_written())
    assert b"mitmproxy" not in received.lower()
    assert len(exeat.audit_records("outcome", mission=mission["mission"])) == 1


# --- parts -------------------------------------------------------------------------------------------------------------------


@pytest.mark.row("H10")
@pytest.mark.guard("part-edges")
def test_an_agent_cant_put_the_token_together_from_parts(exeat, mission, origin):
    size = len(said(_asked(exeat, mission, origin)))
    together = set()
    for cut in (1, 9, size // 2, size - 1):
        at = len(LONG) + cut
        left = ask(exeat, mission, "GET", "/as/part", f"Range: bytes=0-{at - 1}")
        token = said(origin.last)
        right = ask(exeat, mission, "GET", "/as/part", f"Range: bytes={at}-")
        assert (left.status, right.status) == (206, 206)
        assert said(origin.last) == token
        whole = left.body + right.body
        assert len(whole) == 2 * len(LONG) + size
        shown = whole[len(LONG) : len(LONG) + size]
        together |= {index for index, one in enumerate(shown) if one != ord("*")}
    assert len(together) < 16


def _asked(exeat, mission, origin):
    ask(exeat, mission, "GET", "/as/part")
    return origin.last


@pytest.mark.row("H10")
def test_a_part_within_the_token_is_refused_and_several_parts_are_the_whole(exeat, mission, origin):
    at = len(LONG)
    refused(ask(exeat, mission, "GET", "/as/part", f"Range: bytes={at + 5}-{at + 30}"), "answer_refused", status=502)
    several = ask(exeat, mission, "GET", "/as/part", f"Range: bytes=0-9,{at}-{at + 20}", 'If-Range: "x"')
    assert several.header("x-whole") == "yes"
    assert origin.last.header("if-range") == []
    clean(origin, several.body)
    refused(ask(exeat, mission, "GET", "/as/part?multi=1", "Range: bytes=0-9"), "answer_refused", status=502)
    whole = ask(exeat, mission, "GET", "/as/part", "Range: bytes=-100")
    assert whole.body == b"." * 100


def test_a_plain_agent_of_a_plain_host_asks_for_any_part(exeat, mission, origin):
    with Wire(exeat) as wire:
        pass_line = f"Proxy-Authorization: {basic(mission['pass'])}"
        answer = wire.request(
            "GET", "http://plain.example.test/echo", pass_line, "Range: bytes=5-6", host="plain.example.test"
        )
    assert answer.status == 200
    assert origin.last.header("range") == ["bytes=5-6"]
