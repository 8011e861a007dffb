"""Operations that lie in the body: read whole before anything is dialled, judged once, and forwarded byte for byte."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress

import pytest

from rig.config import operation
from rig.origin import Origin
from rig.wire import ask, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
JSON = "Content-Type: application/json"
CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call",  "params": {"name": "search", "arguments": {"q": "caf\xc3\xa9"}}}'
LIMIT = 64 * 1024


def configure(config, origin):
    """One endpoint of each kind."""
    graphql = {"reader": "graphql", "max_body": LIMIT}
    config.service("example")["operation"] += [
        operation("GET,POST /v1/graphql", "graph/read", "read", select="query:*", **graphql),
        operation("GET,POST /v1/graphql", "issues/create", "write", select="mutation:createIssue", **graphql),
        operation("GET,POST /v1/graphql", "issues/delete", "delete", select="mutation:deleteIssue", **graphql),
        operation("POST /v1/mcp", "mcp/start", "read", reader="mcp", select="initialize"),
        operation("POST /v1/mcp", "mcp/notify", "read", reader="mcp", select="notifications/*"),
        operation("POST /v1/mcp", "tools/use", "delete", reader="mcp", select="tools/call:*"),
        operation("POST /v1/mcp", "tools/search", "read", reader="mcp", select="tools/call:search"),
        operation("GET,DELETE /v1/mcp", "mcp/session", "read"),
        operation("POST /v1/rpc", "chain/read", "read", reader="jsonrpc", select="eth_*"),
        operation("POST /v1/chat", "chat/create", "write", reader="json", captures={"model": "/model"}, resource="Model",
                  max_body=LIMIT),
        operation("POST /v1/form", "form/send", "write", reader="form"),
    ]  # fmt: skip
    config.service("example")["resource"] = [{"type": "Model", "id": "{model}"}]
    config.tables["proxy"]["limits"] = {"inspected_body": 2 * LIMIT, "idle": "2s", "head": "2s", "decision": "3s"}
    config.policies["site.cedar"] += """
@id("no-large-models")
forbid (principal, action, resource == Example::Model::"gpt-large");
"""


def graphql(document, **more):
    return json.dumps({"query": document, **more}).encode()


def the_record(exeat, answer):
    return exeat.audit_records("decision", decision_id=answer.json()["decision_id"])[0]


def untouched(origin):
    """Nothing reached the origin, not even a connection."""
    origin.wait_quiet(0.05)
    return origin.connections == [] and origin.requests == []


def sent_exactly(origin, body):
    seen = origin.wait_for()
    assert seen.sha256 == hashlib.sha256(body).hexdigest()
    assert (seen.length, seen.header("content-length")) == (len(body), [str(len(body))])
    assert seen.header("transfer-encoding") == []
    assert len(origin.requests) == 1
    return True


def test_what_is_permitted_arrives_byte_for_byte(exeat, mission, origin):
    answer = ask(exeat, mission, "POST", "/v1/mcp", JSON, body=CALL)
    assert answer.status == 201
    assert sent_exactly(origin, CALL)
    record = exeat.audit_records("decision", decision="permit")[-1]
    assert (record["action"], "also" in record) == ("example:tools/search", False)


@pytest.mark.parametrize("sizes", [[1] * len(CALL), [len(CALL)], [10, 3, len(CALL) - 13]])
def test_chunks_are_put_together_before_the_decision(exeat, mission, origin, sizes):
    """However it was framed, the origin gets the body that was judged, with its length."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /v1/mcp HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n")
        at = 0
        for size in sizes:
            wire.send(b"%x\r\n%s\r\n" % (size, CALL[at : at + size]))
            at += size
        time.sleep(0.1)
        assert origin.connections == []  # all of it but the end is here: nothing is dialled
        assert wire.send(b"0\r\n\r\n").response("POST").status == 201
    assert sent_exactly(origin, CALL)


@pytest.mark.parametrize("length", [True, False])
def test_http2_bodies_are_read_whole(exeat, mission, origin, length):
    with H2Wire(exeat, mission) as wire:
        fields = [("content-type", "application/json"), *([("content-length", str(len(CALL)))] if length else [])]
        number = wire.open("POST", "/v1/mcp", *fields, end=False)
        wire.data(number, CALL[:40], end=False)
        wire.pump(0.1, lambda: False)
        assert origin.connections == []
        wire.data(number, CALL[40:])
        assert wire.finish(number).status == 201
    assert sent_exactly(origin, CALL)


@pytest.mark.guard("body-length")
@pytest.mark.parametrize("length", [True, False])
def test_an_origin_of_http1_gets_the_length_of_an_http2_body(authority, make_exeat, length):
    """Without a length nor chunks, what follows the head would be another request to it."""
    with Origin(authority, "*.example.test", h2=False) as origin:
        exeat = make_exeat(origin, change=lambda config: configure(config, origin)).start()
        with H2Wire(exeat, exeat.open()) as wire:
            fields = [("content-type", "application/json"), *([("content-length", str(len(CALL)))] if length else [])]
            numbers = [wire.open("POST", "/v1/mcp", *fields, end=False) for _ in range(3)]
            for number in numbers:
                wire.data(number, CALL)
            assert [wire.finish(number).status for number in numbers] == [201] * 3
        assert [(seen.method, seen.sha256) for seen in origin.requests] == [
            ("POST", hashlib.sha256(CALL).hexdigest())
        ] * 3
        assert all(seen.header("content-length") == [str(len(CALL))] for seen in origin.requests)
        exeat.stop()


def test_an_expectation_is_answered_here(exeat, mission, origin):
    """100-continue: the caller is asked for the body, the origin isn't asked for anything yet."""
    with tunnel(exeat, mission) as wire:
        wire.send(
            f"POST /v1/mcp HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\nContent-Length: {len(CALL)}\r\nExpect: 100-continue\r\n\r\n"
        )
        assert wire.sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        assert origin.connections == []
        assert wire.send(CALL).response("POST").status == 201
    assert sent_exactly(origin, CALL)
    assert origin.last.header("expect") == []


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_what_is_refused_is_never_dialled(exeat, mission, origin, protocol):
    body = CALL.replace(b"search", b"drop")
    if protocol == "h2":
        with H2Wire(exeat, mission) as wire:
            number = wire.open("POST", "/v1/mcp", ("content-type", "application/json"), end=False)
            wire.data(number, body)
            answer = wire.finish(number)
    else:
        answer = ask(exeat, mission, "POST", "/v1/mcp", JSON, body=body)
    assert answer.status == 403
    assert b"policy_denied" in answer.body
    assert untouched(origin)


@pytest.mark.guard("all-questions")
@pytest.mark.parametrize(("document", "code", "detail"), [
    ("mutation { deleteIssue(id: 1) { id } }", "policy_denied", ""),
    ("mutation { createIssue { id } deleteIssue { id } }", "policy_denied", ""),
    ("mutation { fine: deleteIssue { id } }", "policy_denied", ""),
    ("mutation { ...F } fragment F on Mutation { ... { deleteIssue { id } } }", "policy_denied", ""),
    ("mutation { closeIssue { id } }", "operation_unknown", "no operation of the service matches mutation:closeIssue"),
    ("{ viewer", "request_malformed", "the document is no GraphQL, or too large"),
])  # fmt: skip
@pytest.mark.row("P06")
def test_every_root_field_is_judged(exeat, mission, origin, document, code, detail):
    answer = ask(exeat, mission, "POST", "/v1/graphql", JSON, body=graphql(document))
    refused(answer, code)
    assert the_record(exeat, answer)["detail"] == detail
    assert untouched(origin)


@pytest.mark.row("P06")
def test_several_things_at_once_are_one_decision(exeat, mission, origin):
    body = graphql("mutation { a: createIssue { id } createIssue { id } }")
    both = b"[" + body + b"," + graphql("{ viewer { login } }") + b"]"
    assert ask(exeat, mission, "POST", "/v1/graphql", JSON, body=both).status == 201
    assert sent_exactly(origin, both)
    record = exeat.audit_records("decision", decision="permit")[-1]
    assert (record["action"], record["also"]) == ("example:issues/create", ["example:graph/read"])


@pytest.mark.row("P06")
def test_a_query_by_get_needs_no_body(exeat, mission, origin):
    assert ask(exeat, mission, "GET", "/v1/graphql?query=%7Bviewer%7Blogin%7D%7D").status == 200
    assert origin.wait_for().target == "/v1/graphql?query=%7Bviewer%7Blogin%7D%7D"
    origin.clear()
    refused(ask(exeat, mission, "GET", "/v1/graphql?query=mutation%7BcreateIssue%7Bid%7D%7D"), "request_malformed")
    assert origin.requests == []


def test_the_model_of_a_call_is_its_resource(exeat, mission, origin):
    body = b'{"model": "gpt-small", "messages": []}'
    assert ask(exeat, mission, "POST", "/v1/chat", JSON, body=body).status == 201
    assert sent_exactly(origin, body)
    assert exeat.audit_records("decision", decision="permit")[-1]["resource"] == 'Example::Model::"gpt-small"'
    origin.clear()
    refused(ask(exeat, mission, "POST", "/v1/chat", JSON, body=body.replace(b"small", b"large")), "policy_denied")
    refused(ask(exeat, mission, "POST", "/v1/chat", JSON, body=b"{}"), "operation_unknown")
    assert origin.requests == []


@pytest.mark.guard("body-key-twice")
@pytest.mark.parametrize(("fields", "body"), [
    ([JSON], b'{"model": "gpt-small", "model": "gpt-large"}'), ([JSON], b'{"model": "gpt-small", "Model": "gpt-large"}'),
    ([JSON], b"\xef\xbb\xbf" + b'{"model": "gpt-small"}'), ([JSON + "; charset=utf-16"], '{"model": "gpt-small"}'.encode("utf-16")),
    ([JSON, "Content-Encoding: gzip"], b'{"model": "gpt-small"}'), (["Content-Type: multipart/form-data; boundary=x"], b"--x--"),
    ([], b'{"model": "gpt-small"}'), ([JSON], b"[" * 100 + b"]" * 100), ([JSON], b'{"model": "gpt-small"} {}'), ([JSON], b'{"model": NaN}'),
    ([JSON], b'{"model": "gpt-small", "x": "\\ud800"}'), ([JSON, "Content-Length: 0"], b""), ([JSON], b""),
])  # fmt: skip
@pytest.mark.row("P06")
def test_a_body_that_two_parsers_could_read_differently_goes_nowhere(exeat, mission, origin, fields, body):
    """Matrix P06."""
    refused(ask(exeat, mission, "POST", "/v1/chat", *fields, body=body), "request_malformed", status=400)
    assert untouched(origin)


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_goes_nowhere(exeat, mission, origin, size, chunked):
    body = b'{"model": "gpt-small", "pad": "' + b"a" * size + b'"}'
    with tunnel(exeat, mission) as wire:
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        wire.send(f"POST /v1/chat HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\n{framing}\r\n\r\n")
        wire.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body)
        refused(wire.response("POST"), "request_malformed")
    assert untouched(origin)


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_that_is_said_in_the_callers_form_and_recorded_with_what_was_asked(exeat, mission, origin, size):
    with tunnel(exeat, mission) as wire:
        answer = wire.request("POST", "/v1/chat", JSON, "User-Agent: git/2.39.5", host=HOST, body=b"a" * size)
    assert (answer.status, answer.header("content-type")) == (400, "text/plain; charset=utf-8")
    [record] = exeat.audit_records("decision", mission=mission["mission"])
    assert record["decision_id"].encode() in answer.body
    assert (record["method"], record["host"], record["path"]) == ("POST", HOST, "/v1/chat")
    assert untouched(origin)


def test_what_is_too_large_ends_with_its_refusal_and_its_neighbours_live(exeat, mission, origin):
    """The deadline for a body that is waited for is over with the wait: it ends nobody else's stream."""
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", "/v1/chat", ("content-type", "application/json"), end=False)
        for _ in range(10):
            wire.data(number, b"a" * 14_000, end=False)
            wire.pump(0.01, lambda: False)
        wire.data(number, b"", end=True)
        refused(wire.finish(number), "request_malformed")
        assert wire.request("GET", "/sse?n=8&interval=0.5").complete
    assert [seen.path for seen in origin.requests] == ["/sse"]


def test_a_body_that_never_ends_is_given_up(exeat, mission, origin):
    """Silence in the middle of a body ends the connection; nothing of it was sent."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /v1/mcp HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\nContent-Length: 500\r\n\r\n" + "{")
        started = time.monotonic()
        assert wire.response("POST").closed
        assert time.monotonic() - started < 6
    assert untouched(origin)


def test_a_body_that_trickles_is_given_up(exeat, mission, origin):
    """A byte at a time is no silence; what is waited for has an end all the same."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /v1/mcp HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\nContent-Length: 500\r\n\r\n")
        wire.sock.settimeout(0.3)
        ended = False
        deadline = time.monotonic() + 6
        while not ended and time.monotonic() < deadline:
            wire.send(b" ")
            with suppress(TimeoutError):
                wire.sock.recv(1)
                ended = True
    assert ended
    assert untouched(origin)


def test_a_mission_that_ends_meanwhile_sends_nothing(exeat, origin, mission):
    """The second decision asks everything anew."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /v1/mcp HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\nContent-Length: {len(CALL)}\r\n\r\n")
        wire.send(CALL[:10])
        exeat.end(mission)
        answer = wire.send(CALL[10:]).response("POST")
    assert answer.closed or answer.status == 403
    assert untouched(origin)


def test_the_next_request_on_the_connection_is_judged_for_itself(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        for body, status in ((CALL, 201), (CALL.replace(b"search", b"drop"), 403), (CALL, 201)):
            assert wire.request("POST", "/v1/mcp", JSON, host=HOST, body=body).status == status
    assert [seen.sha256 for seen in origin.requests] == [hashlib.sha256(CALL).hexdigest()] * 2


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_a_trailer_never_passes_beside_a_judged_body(exeat, mission, origin, protocol):
    """What was judged was the body: nothing may follow it, our own tag least of all."""
    if protocol == "h2":
        with H2Wire(exeat, mission) as wire:
            number = wire.open("POST", "/v1/mcp", ("content-type", "application/json"), end=False)
            wire.data(number, CALL, end=False)
            wire._h2.send_headers(number, [("exeat-agent", "liar")], end_stream=True)
            wire._flush()
            wire.finish(number)
    else:
        with tunnel(exeat, mission) as wire:
            wire.send(f"POST /v1/mcp HTTP/1.1\r\nHost: {HOST}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n")
            wire.send(b"%x\r\n%s\r\n0\r\nExeat-Agent: liar\r\n\r\n" % (len(CALL), CALL)).response("POST")
    origin.wait_quiet(0.05)
    assert [seen.trailers for seen in origin.requests if seen.trailers] == []


def test_a_form_is_read(exeat, mission, origin):
    body = b"amount=5&note=a+b%26c"
    form = "Content-Type: application/x-www-form-urlencoded"
    assert ask(exeat, mission, "POST", "/v1/form", form, body=body).status == 201
    assert sent_exactly(origin, body)
    refused(ask(exeat, mission, "POST", "/v1/form", form, body=b"a=1&a=2"), "request_malformed")
    refused(ask(exeat, mission, "POST", "/v1/form", JSON, body=b"{}"), "request_malformed")
