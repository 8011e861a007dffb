"""Where one request ends and the next begins: every way to make two servers disagree about it is refused before anything is
dialled, or ends the request unfinished; nothing can be smuggled behind a permitted one."""

from __future__ import annotations

import pytest

from rig.account import completed, decisions, only_refused, outcome_of, untouched
from rig.wire import Wire, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
SMUGGLED = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def _upload(exeat, mission, fields, body):
    """One permitted upload with these framing fields, and a request hidden behind it."""
    with tunnel(exeat, mission) as wire:
        return wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n{body}{SMUGGLED}").response("POST")


def _never_framed(exeat, mission, origin, fields, body="0\r\n\r\n"):
    denied(_upload(exeat, mission, fields, body))
    only_refused(exeat, mission, "request_malformed")
    untouched(origin)


@pytest.mark.row("S01")
@pytest.mark.parametrize("fields", [
    "Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Content-Length: 0\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nX-A: b\r\nContent-Length: 44",
    "transfer-encoding: chunked\r\ncontent-length: 5",
])  # fmt: skip
def test_a_length_and_chunks_together_are_refused(exeat, mission, origin, fields):
    """CL.TE and TE.CL: whichever of the two the next hop believes."""
    _never_framed(exeat, mission, origin, fields)


@pytest.mark.row("S01")
def test_chunks_in_a_version_without_them_are_refused(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        denied(
            wire.send(f"POST /upload HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").response(
                "POST"
            )
        )
    only_refused(exeat, mission, "request_malformed")
    untouched(origin)


@pytest.mark.row("S02")
@pytest.mark.guard("chunked-alone")
@pytest.mark.parametrize("fields", [
    "Transfer-Encoding: Chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunkedx", "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked", "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding: chunked\t,", "Transfer-Encoding: chunked\t\x0c", "Transfer-Encoding: chunked\xa0", "Transfer-Encoding: chunked\t\r",
    "Transfer-Encoding: \x00chunked", "Transfer-Encoding: chunked\x00", 'Transfer-Encoding: "chunked"', "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: chunked foo", "Transfer-Encoding: chun\xb4ked", "Transfer-Encoding:",
    "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding\r\n : chunked",
    "X-A: b\rTransfer-Encoding: chunked", "Transfer_Encoding: chunked\r\nContent-Length: 4", "Transfer_Encoding: chunked",
])  # fmt: skip
def test_chunks_in_disguise_are_refused(exeat, mission, origin, fields):
    _never_framed(exeat, mission, origin, fields)


@pytest.mark.row("S02")
@pytest.mark.parametrize("fields", ["Transfer-Encoding:chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding:  chunked \t",
                                    "Transfer-Encoding: chunked\t", "tRANSFER-eNCODING: chunked"])  # fmt: skip
def test_blanks_that_may_be_there_change_nothing(exeat, mission, origin, fields):
    """RFC 9110 §5.5: the origin gets the one spelling and the whole body; what follows is judged by itself."""
    answer = _upload(exeat, mission, fields, "3\r\nabc\r\n0\r\n\r\n")
    assert answer.json()["length"] == 3
    completed(origin, "/upload")
    assert origin.last.header("content-length") == []
    assert origin.last.header("transfer-encoding") == ["chunked"]
    assert b"chunked\r\n" in origin.raw()
    permitted, smuggled = decisions(exeat, mission, 2)
    assert (permitted["decision"], smuggled["code"], smuggled["path"]) == ("permit", "operation_unknown", "/smuggled")


@pytest.mark.row("S03")
@pytest.mark.parametrize("value", [
    "4\r\nContent-Length: 4", "4\r\nContent-Length: 5", "4\r\ncontent_length: 5", "4, 4", "4,5", "+4", "-1", "0x4", "4_0", "04", "", " ",
    "4 4", "4\t4", "99999999999999999999999", "9223372036854775808", "4.0", "4e1", "4;", "4\x00", "4\x0b", "\xd9\xa4", "four", "4\r\n 0",
])  # fmt: skip
def test_odd_lengths_are_refused(exeat, mission, origin, value):
    _never_framed(exeat, mission, origin, f"Content-Length: {value}", body="abcd")


@pytest.mark.row("S03")
def test_another_spelling_of_the_length_is_refused(exeat, mission, origin):
    """CGI and WSGI would read the second as the first."""
    _never_framed(exeat, mission, origin, "Content_Length: 4", body="abcd")


@pytest.mark.row("S04", "S05")
@pytest.mark.guard("chunk-reader")
@pytest.mark.parametrize("chunks", [
    "0x3\r\nabc\r\n", "+3\r\nabc\r\n", "-3\r\nabc\r\n", "3_0\r\nabc\r\n", " 3\r\nabc\r\n", "\t3\r\nabc\r\n", "\r\nabc\r\n", "g\r\nabc\r\n",
    "3.0\r\nabc\r\n", "\xb3\r\nabc\r\n", "3\nabc\r\n", "3\rabc\r\n", "3\x00\r\nabc\r\n", "00000000000000000000000000000003\r\nabc\r\n",
    "FFFFFFFFFFFFFFFF\r\nabc\r\n", "FFFFFFFFFFFFFFFFF\r\nabc\r\n", "100000001\r\nabc\r\n", "3\r\nabcXX", "3\r\nabcd\r\n", "3\r\nabc\n",
    "3\r\nabc\n\r", "3\r\nab\r\n\r\n", "3 \r\nabc\r\n", "3\r\nabc\r\n0\r\n\n\r\n", "3\r\nabc\r\n0\r\nX-A: 1\r\n 2\r\n\r\n",
])  # fmt: skip
def test_odd_chunks_end_the_request_unfinished(exeat, mission, origin, chunks):
    """The head was permitted and may have left; its body never completes, and nothing follows it."""
    denied(_upload(exeat, mission, "Transfer-Encoding: chunked", f"{chunks}0\r\n\r\n"))
    completed(origin, begun=("/upload",))
    assert b"smuggled" not in origin.raw()
    [record] = decisions(exeat, mission)
    assert record["path"] == "/upload"
    assert outcome_of(exeat, record)["outcome"] in {"not_sent", "unknown"}


@pytest.mark.row("S02", "S04", "S06")
@pytest.mark.parametrize("line", ["3\rcon.ection%4\n", "3\rcon\r\n", "3;a\rb\r\n", "3%4\r\n", "3;a=b%4\n\r\n"])
def test_nothing_of_a_malformed_chunk_leaves(exeat, mission, origin, line):
    """A sound chunk before it may have left: the origin sees that, then the end of the connection, and never a last chunk."""
    denied(_upload(exeat, mission, "Transfer-Encoding: chunked\t", f"5\r\nhello\r\n{line}"))
    completed(origin, begun=("/upload",))
    sent = origin.raw()
    assert not any(each in sent for each in (b"con", b"%4", b"smuggled", b"\r\n0\r\n", b"chunked\t")), sent
    assert b"".join(bytes(each.body) for each in origin.requests) in {b"", b"hello"}
    [record] = decisions(exeat, mission)
    assert outcome_of(exeat, record)["outcome"] in {"not_sent", "unknown"}


@pytest.mark.row("S06")
@pytest.mark.parametrize("extension", [
    ";a=b", ";a", ';a="b"', ";" + "a" * 400, ";a=b;c=d", ';a="\xe9 b"',
])  # fmt: skip
def test_chunk_extensions_are_taken_off(exeat, mission, origin, extension):
    """RFC 9112 §7.1.1: nobody has to understand them, so nobody gets them."""
    answer = _upload(exeat, mission, "Transfer-Encoding: chunked", f"3{extension}\r\nabc\r\n0{extension}\r\n\r\n")
    assert answer.json()["length"] == 3
    completed(origin, "/upload")
    assert extension.encode("latin-1") not in origin.raw()
    assert [record["code"] for record in decisions(exeat, mission, 2)] == ["", "operation_unknown"]


@pytest.mark.row("S06")
@pytest.mark.guard("chunk-extensions")
@pytest.mark.parametrize(
    "extension",
    [
        "g",
        "%4",
        " ;a=b",
        "; a=b",
        ";a =b",
        ";a=b c",
        ";a=%4(",
        ';a="b"c',
        ";a=b\r;c",
        ";a\nb",
        ";a\r",
        ';a="\r\nb"',
        ";a\rb",
        ";a\n",
        '; a="\n\n"',
        ";a\x00",
        ';a="b',
        ";",
        ";=b",
        ";a=",
        ";Host: x",
        ";\xe9",
        ";" + "a" * 5000,
    ],
)
def test_odd_chunk_extensions_end_the_request_unfinished(exeat, mission, origin, extension):
    """A hop that takes a bare line feed for a line end would read other chunks (CVE-2025-53643 and its kin)."""
    denied(_upload(exeat, mission, "Transfer-Encoding: chunked", f"3{extension}\r\nabc\r\n0\r\n\r\n"))
    completed(origin, begun=("/upload",))
    assert b"smuggled" not in origin.raw()


@pytest.mark.row("S06", "S07")
@pytest.mark.parametrize("endless", ["3;a=", "0\r\nX-A: "])
def test_an_extension_or_trailer_without_end_is_cut(exeat, mission, origin, endless):
    """What waits for a line end is bounded as a head is."""
    before = exeat.memory()
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{endless}")
        for _ in range(500):
            wire.send("a" * 65536)
        denied(wire.response("POST"))
    assert exeat.memory() - before < 16 * 2**20
    completed(origin, begun=("/upload",))
    assert outcome_of(exeat, decisions(exeat, mission)[0])["outcome"] in {"not_sent", "unknown"}


TRAILERS = [
    "Host: evil", "Content-Length: 9", "Transfer-Encoding: chunked", "Authorization: Bearer x", "Proxy-Authorization: Basic x", "Exeat-Agent: liar",
    "exeat_mission: m", "Cookie: a=b", "X-Api-Key: x", "Content-Encoding: gzip", "Content-Range: bytes 0-1/2", "Connection: close", "Trailer: Host",
    "X-Forwarded-For: 1.2.3.4", "Expect: 100-continue", "X-HTTP-Method-Override: DELETE", "X-A : b", "X-A: b\x00", "X-A: a\rb", ": b", "X A: b", "X-A",
]  # fmt: skip


@pytest.mark.row("S07")
@pytest.mark.parametrize("trailer", TRAILERS)
def test_trailers_that_could_change_what_was_decided_never_pass(exeat, mission, origin, trailer):
    """The proxy neither crashes nor lets a late field through."""
    denied(_upload(exeat, mission, "Transfer-Encoding: chunked", f"3\r\nabc\r\n0\r\n{trailer}\r\n\r\n"))
    completed(origin, begun=("/upload",))
    assert all(seen.trailers == [] for seen in origin.requests)
    assert b"smuggled" not in origin.raw()
    assert outcome_of(exeat, decisions(exeat, mission)[0])["outcome"] in {"not_sent", "unknown"}


@pytest.mark.row("S07", "S09")
@pytest.mark.parametrize("trailer", [
    ("host", "evil"), ("content-length", "9"), ("authorization", "Bearer x"), ("exeat-agent", "liar"), ("cookie", "a=b"), ("x-a", "a\r\nb: c"),
    ("transfer-encoding", "chunked"), ("connection", "close"), ("X-Upper", "a"), (":path", "/v1/payouts"),
])  # fmt: skip
def test_such_trailers_of_http2_never_pass(exeat, mission, origin, trailer):
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", "/upload", end=False)
        wire.data(number, b"abc", end=False)
        wire.trailers(number, trailer)
        denied(wire.finish(number))
    completed(origin, begun=("/upload",))
    assert all(seen.trailers == [] for seen in origin.requests)
    records = exeat.audit_records("decision", mission=mission["mission"])
    assert [record["code"] for record in records] in ([""], ["", "request_malformed"], ["request_malformed"])
    assert {outcome_of(exeat, record)["outcome"] for record in records} <= {"not_sent", "unknown"}


@pytest.mark.row("S13")
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    ("fields", "body"), [("Content-Length: 3", "abc"), ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n")]
)
def test_a_body_where_none_is_expected_is_framed_all_the_same(exeat, mission, origin, method, fields, body):
    """0.CL: whatever the origin makes of such a body, it is never another request to us, and never one to it."""
    path = "/v1/refunds/1"
    with tunnel(exeat, mission) as wire:
        answer = wire.send(f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n{body}").response(method)
        follows = wire.request("GET", "/smuggled", host=HOST)
    assert follows.closed or follows.code == "operation_unknown"
    if answer.status == 200:
        completed(origin, path)
        assert bytes(origin.last.body) == b"abc"
    else:
        denied(answer)
        untouched(origin)


@pytest.mark.row("S13")
@pytest.mark.guard("connect-content")
@pytest.mark.parametrize("fields", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_connect_with_a_body_opens_no_tunnel(exeat, mission, origin, fields):
    """One reader takes what follows for its body, the next for what the tunnel carries."""
    with Wire(exeat) as wire:
        wire.send(
            f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nProxy-Authorization: {basic(mission['pass'])}\r\n{fields}\r\n\r\n"
            + SMUGGLED
        )
        refused(wire.response("CONNECT"), "request_malformed", status=400)
        denied(wire.response())
    untouched(origin)
    records = exeat.audit_records("decision", mission=mission["mission"])
    assert {record["code"] for record in records} == {"request_malformed"}
