"""What a request asks for, written so that two readers read two things: refused, or sent exactly as it was judged.

Section P. Each attempt is made over HTTP/1.1 and, where HTTP/2 can carry it, over HTTP/2.
"""

from __future__ import annotations

import json

import pytest

from rig.config import operation
from rig.matrix import seen
from rig.wire import Wire, ask, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, OPEN = "api.example.test", "cdn.example.test"
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def config(config, world):
    world.install(config)
    graphql = {"reader": "graphql", "max_body": 65536}
    config.service("example")["operation"] += [
        operation("GET,POST /v1/graphql", "graph/read", "read", select="query:*", **graphql),
        operation("GET,POST /v1/graphql", "issues/create", "write", select="mutation:createIssue", **graphql),
        operation("GET,POST /v1/graphql", "issues/delete", "delete", select="mutation:deleteIssue", **graphql),
        operation("POST /v1/rpc", "chain/read", "read", reader="jsonrpc", select="eth_*"),
        operation("POST /v1/rpc", "chain/send", "delete", reader="jsonrpc", select="eth_send"),
        operation("POST /v1/form", "form/send", "write", reader="form"),
    ]  # fmt: skip
    return config


def raw(exeat, mission, head: str, host: str = HOST):
    """One request as written, in a tunnel to this host."""
    with tunnel(exeat, mission, host) as wire:
        return wire.send(head).response()


PATHS = {
    "P01": [
        "/v1/../echo", "/v1/..", "/..", "/.", "/./echo", "/v1/./refunds", "/v1/.", "/../../etc/passwd", "/v1/%2e%2e/echo", "/v1/%2E./echo", "/v1/.%2e/echo",
        "/v1/%2e/refunds", "/v1/..;/echo", "/v1/..;x=1/echo", "/v1/.;/refunds", "/v1/%2e%2e;/echo", "/%252e%252e/echo", "/v1/%252e%252e%252fecho",
        "/v1/%25%32%65%25%32%65/echo", "/v1/..%2fecho", "/v1%2f..%2fecho", "/v1/..%5cecho", "/v1/..\\echo", "/v1/%c0%ae%c0%ae/echo", "/v1/%e0%80%ae%e0%80%ae/echo",
        "/v1/%f0%80%80%ae/echo", "/v1/%ef%bc%8e%ef%bc%8e/echo", "/v1/%e2%80%a5/echo", "/v1/.%00./echo", "/v1/. ./echo", "/v1/..%20/echo", "/v1/..%09/echo", "/v1/...;/echo",
        "/v1/%u002e%u002e/echo", "/v1/.../echo", "/v1/.. /echo",
    ],
    "P02": [
        "//echo", "//evil.example.test/echo", "/v1//refunds", "/v1/refunds//", "/v1/refunds/", "/v1%2frefunds", "/v1%2Frefunds", "/v1/%2frefunds", "/v1%5crefunds",
        "/v1\\refunds", "\\v1\\refunds", "/v1/refunds%00", "/v1/refunds%00.json", "/v1/refunds%0d%0aX:%20y", "/v1/refunds%0a", "/v1/refunds%09", "/v1/refunds%7f",
        "/v1/refunds#frag", "/v1/refunds%23frag", "/v1/refunds;x=1", "/v1;/refunds", "/v1/refunds;", "/;/v1/refunds", "/v1/refund\xe9", "/v1/refunds%e9", "/v1/refunds%",
        "/v1/refunds%2", "/v1/refunds%zz", "/v1/refunds%u0041", "v1/refunds", "*", "", "/V1/Refunds", "/v1/REFUNDS", "/v1/refunds%2e", "/v1/refunds.", "/v1/refunds%3f", "/v1/refunds%3fx",
        "/v1/refunds%ff", "/v1/%ef%bc%8frefunds", "/v1/refunds\x01", "/v1/refunds\x7f", "/v1/refunds\t", "?x", "/%",
    ],
}  # fmt: skip


PATH_CASES = [
    pytest.param(path, marks=pytest.mark.row(row), id=f"{row}-{path!a}")
    for row, paths in PATHS.items()
    for path in paths
]


@pytest.mark.parametrize("path", PATH_CASES)
def test_a_path_with_two_readings(exeat, mission, nowhere, path):
    """Where the service's operations are known: what isn't exactly one of them is refused."""
    nowhere(raw(exeat, mission, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
    with H2Wire(exeat, mission) as wire:
        nowhere(wire.request("GET", path))


@pytest.mark.parametrize("path", PATH_CASES)
def test_a_path_at_a_host_without_operations(exeat, mission, origin, decoy, path):
    """Only reading is permitted there, whatever the path: it arrives exactly as it was judged and recorded, or not at all."""
    answer = raw(exeat, mission, f"GET {path} HTTP/1.1\r\nHost: {OPEN}\r\n\r\n", OPEN)
    if answer.status == 200 or origin.requests:
        assert [(each.method, each.target) for each in origin.requests] == [("GET", path)]
        assert exeat.audit_records("decision", decision="permit")[-1]["path"] == path
        assert ".." not in path
        assert "//" not in path
        seen("permitted")
    else:
        denied(answer)
        assert origin.connections == []
    assert decoy.connections == []


@pytest.mark.row("P03")
@pytest.mark.parametrize("query", [
    "a=1&a=2", "a=1&A=2", "a[]=1&a[]=2", "a[0]=1", "a%5B%5D=1", "a=1;b=2", "a=1%26b=2", "a=b+c", "a=b%20c", "a=b%2Bc", "a", "a=", "=a", "&&", "a==b", "a=%2F..%2F",
    "?", "a=?", "a=/../", "%61=1", "a=%41", "a='--", "a=<x>".replace("<", "%3C").replace(">", "%3E"), "a=%00", "a=%0d%0a",
])  # fmt: skip
def test_a_query_arrives_as_it_was_judged(exeat, mission, origin, query):
    """Where no query decides anything it isn't rewritten: neither sorted nor decoded, not even an empty part."""
    target = f"/v1/refunds?{query}"
    for answer in (ask(exeat, mission, "GET", target), in_http2(exeat, mission, target)):
        assert answer.status == 200
        assert origin.last.target == target
    seen("permitted")


def in_http2(exeat, mission, target, method="GET"):
    with H2Wire(exeat, mission) as wire:
        return wire.request(method, target)


@pytest.mark.row("P03")
@pytest.mark.parametrize("query", ["a b", "a=\xe9", "a=%", "a=%2", "a=%zz", "a=#b", "a=\x01", "a=\x7f", "a=\tb"])
def test_a_query_that_is_none(exeat, mission, nowhere, query):
    nowhere(raw(exeat, mission, f"GET /v1/refunds?{query} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
    nowhere(in_http2(exeat, mission, f"/v1/refunds?{query}"))


GOOD, BAD = "query=%7Bviewer%7Blogin%7D%7D", "query=mutation%7BdeleteIssue%7Bid%7D%7D"


@pytest.mark.row("P03", "P06")
@pytest.mark.parametrize("query", [
    f"{GOOD}&{BAD}", f"{BAD}&{GOOD}", f"{GOOD}&Q{BAD[1:]}", f"{GOOD}&query[]={BAD[6:]}", f"{GOOD};{BAD}", f"x=1;{BAD}&{GOOD}", f"{GOOD}&%71{BAD[1:]}", f"{GOOD}&+{BAD}",
    f"query[]={BAD[6:]}", f"QUERY={BAD[6:]}", f"%71uery={BAD[6:]}", BAD, "", "query=", "query", f"{GOOD}&operationName=x&operationName=y", f"{GOOD}&variables=%7B",
    f"{GOOD}&extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22{'0' * 64}%22%7D%7D",
])  # fmt: skip
def test_a_query_that_decides_and_has_two_readings(exeat, mission, nowhere, query):
    """Here the query holds the action: a second way to say it anywhere refuses."""
    nowhere(
        ask(exeat, mission, "GET", f"/v1/graphql?{query}"), "request_malformed", "operation_unknown", "policy_denied"
    )
    nowhere(in_http2(exeat, mission, f"/v1/graphql?{query}"))


METHODS = [
    "get", "Get", "gET", "TRACE", "TRACK", "DEBUG", "PRI", "CONNECT", "FOO", "PROPFIND", "MOVE", "COPY", "LINK", "PURGE", "SEARCH", "QUERY", "GETT", "GE", "G",
    "G" * 1024, "M-SEARCH", "GET-", "GE T", "G,D", "GET\x00", "\xc7ET", "GET,POST", "POST/GET",
]  # fmt: skip


@pytest.mark.row("P04")
@pytest.mark.parametrize("method", [pytest.param(each, id=f"{each[:12]!a}") for each in METHODS])
def test_a_method_that_is_none(exeat, mission, nowhere, method):
    for host, path in ((HOST, "/echo"), (OPEN, "/")):
        nowhere(raw(exeat, mission, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n", host))
    if method.isascii():  # the rig's HTTP/2 writes text
        nowhere(in_http2(exeat, mission, "/echo", method))
    with Wire(exeat) as wire:
        head = f"{method} http://plain.example.test/echo HTTP/1.1\r\nHost: plain.example.test\r\n"
        nowhere(wire.send(f"{head}Proxy-Authorization: {basic(mission['pass'])}\r\n\r\n").response())


@pytest.mark.row("P04")
@pytest.mark.parametrize("before", ["\r\n", "\n", "\r\n\r\n", " ", "\t", "\r", "\x00", "\xef\xbb\xbf", "\x0b", "X\r\n"])
def test_bytes_before_the_request_line(exeat, mission, origin, decoy, before):
    """Refused at once: nothing is waited for that can't become a head."""
    for head in (
        f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        f"DELETE /v1/refunds/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    ):
        denied(raw(exeat, mission, before + head))
    assert (origin.connections, decoy.connections) == ([], [])


OVERRIDES = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "x-http-method-override",
    "X_HTTP_METHOD_OVERRIDE",
]


@pytest.mark.row("P05")
@pytest.mark.parametrize("name", OVERRIDES)
@pytest.mark.parametrize("value", ["DELETE", "delete", "Delete", "PUT", "", "POST, DELETE", "POST;DELETE", " DELETE"])
def test_another_method_in_a_field(exeat, mission, nowhere, name, value):
    nowhere(ask(exeat, mission, "POST", "/v1/refunds", f"{name}: {value}", body=b"{}"), "request_malformed")
    nowhere(
        ask(exeat, mission, "POST", "/v1/refunds", f"{name}: POST", f"{name}: {value}", body=b"{}"), "request_malformed"
    )


@pytest.mark.row("P05")
@pytest.mark.parametrize("query", [
    "_method=DELETE", "_method=delete", "_METHOD=DELETE", "%5fmethod=DELETE", "_%6dethod=DELETE", "a=1;_method=DELETE", "a=1&_method=DELETE", "_method=POST&_method=DELETE",
    "_method[]=DELETE", "+_method=DELETE", "_method=%44ELETE", "X-HTTP-Method-Override=DELETE", "x-http-method=DELETE", "_method=", "_method",
])  # fmt: skip
@pytest.mark.guard("method-override")
def test_another_method_in_the_query(exeat, mission, nowhere, query):
    nowhere(ask(exeat, mission, "POST", f"/v1/refunds?{query}", body=b"{}"), "request_malformed")
    nowhere(in_http2(exeat, mission, f"/v1/refunds?{query}", "POST"))


@pytest.mark.row("P05", "P06")
@pytest.mark.parametrize(
    "body",
    [b"_method=DELETE&a=1", b"a=1&_METHOD=delete", b"%5fmethod=DELETE", b"_method[]=DELETE", b"a=1;_method=DELETE"],
)
def test_another_method_in_a_form(exeat, mission, nowhere, body):
    """Where the operation's body is read at all."""
    form = "Content-Type: application/x-www-form-urlencoded"
    nowhere(ask(exeat, mission, "POST", "/v1/form", form, body=body), "request_malformed")


def call(method, number=1):
    return {"jsonrpc": "2.0", "id": number, "method": method}


@pytest.mark.row("P06")
@pytest.mark.parametrize("body", [
    json.dumps([call("eth_call"), call("eth_send", 2)]).encode(), json.dumps([call("eth_send"), call("eth_call", 2)]).encode(), b"[]", b"{}", b"[[]]",
    json.dumps(call("ETH_SEND")).encode(), json.dumps(call("eth_send ")).encode(), json.dumps(call(["eth_call"])).encode(), json.dumps(call(None)).encode(),
    b'{"jsonrpc": "2.0", "id": 1, "method": "eth_call", "method": "eth_send"}', b'{"jsonrpc": "2.0", "id": 1, "method": "eth_call", "Method": "eth_send"}',
    b'{"jsonrpc": "2.0", "id": 1, "\\u006dethod": "eth_send", "method": "eth_call"}', b'\xef\xbb\xbf{"jsonrpc": "2.0", "id": 1, "method": "eth_call"}',
    '{"jsonrpc": "2.0", "id": 1, "method": "eth_call"}'.encode("utf-16"), b'{"jsonrpc": "2.0", "id": 1, "method": "eth_call"}{"method": "eth_send"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "eth_call",}', b'// x\n{"jsonrpc": "2.0", "id": 1, "method": "eth_call"}', b'{"params": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"jsonrpc": "2.0", "id": 1, "method": "eth_call\\u0000"}', b'{"jsonrpc": "2.0", "id": 1, "method": "eth_\\ud800"}', b'{"jsonrpc": "2.0", "id": 1, "method": "eth_\xff"}',
])  # fmt: skip
def test_a_call_that_two_parsers_could_read_differently(exeat, mission, nowhere, body):
    nowhere(ask(exeat, mission, "POST", "/v1/rpc", JSON, body=body))
    with H2Wire(exeat, mission) as wire:
        number = wire.open("POST", "/v1/rpc", ("content-type", "application/json"), end=False)
        wire.data(number, body)
        nowhere(wire.finish(number))


@pytest.mark.row("P06")
@pytest.mark.parametrize("kind", [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/json; charset=utf-7",
    "application/json, text/plain", 'application/JSON; charset="utf-16"', "text/json", "",
])  # fmt: skip
def test_a_call_of_another_type(exeat, mission, nowhere, kind):
    body = json.dumps(call("eth_call")).encode()
    nowhere(ask(exeat, mission, "POST", "/v1/rpc", f"Content-Type: {kind}", body=body), "request_malformed")
    for coding in ("gzip", "br", "deflate", "identity, gzip", "x-gzip"):
        nowhere(
            ask(exeat, mission, "POST", "/v1/rpc", JSON, f"Content-Encoding: {coding}", body=body), "request_malformed"
        )


VERSIONS = [
    "",
    " ",
    "HTTP/0.9",
    "HTTP/1",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/2",
    "HTTP/3",
    "HTTP/9.9",
    "HTTP/1.1.1",
    "HTTP/11",
    "HTTP/1,1",
    "http/1.1",
    "HTTPS/1.1",
    "HTTP /1.1",
    "HTTP/1. 1",
    "HTTP/01.1",
    "HTTP/1.1 x",
    "ICY",
]


@pytest.mark.row("P07")
@pytest.mark.parametrize("version", VERSIONS)
def test_another_version(exeat, mission, nowhere, version):
    nowhere(raw(exeat, mission, f"GET /echo {version}\r\nHost: {HOST}\r\n\r\n"))
    with Wire(exeat) as wire:
        head = f"GET http://plain.example.test/echo {version}\r\nHost: plain.example.test\r\n"
        nowhere(wire.send(f"{head}Proxy-Authorization: {basic(mission['pass'])}\r\n\r\n").response())
    with Wire(exeat) as wire:
        head = f"CONNECT {HOST}:443 {version}\r\nHost: {HOST}:443\r\n"
        nowhere(wire.send(f"{head}Proxy-Authorization: {basic(mission['pass'])}\r\n\r\n").response())


@pytest.mark.row("P07")
def test_a_request_without_a_version(exeat, mission, nowhere):
    """As HTTP/0.9 wrote it: a line, and nothing else."""
    nowhere(raw(exeat, mission, "GET /echo\r\n\r\n"))
    nowhere(raw(exeat, mission, "GET /echo\n\n"))


@pytest.mark.row("P07")
def test_http_1_0_is_spoken(exeat, mission, origin):
    answer = raw(exeat, mission, f"GET /echo HTTP/1.0\r\nHost: {HOST}\r\n\r\n")
    assert answer.status == 200
    assert origin.last.version in {"HTTP/1.0", "HTTP/1.1", "HTTP/2"}


@pytest.mark.row("P08")
@pytest.mark.parametrize("line", [
    "GET\t/echo\tHTTP/1.1", "GET /echo\tHTTP/1.1", "GET\x0c/echo HTTP/1.1", "GET\x0b/echo HTTP/1.1", "GET /echo\x0bHTTP/1.1", "GET  /echo HTTP/1.1", "GET /echo  HTTP/1.1",
    "GET /echo HTTP/1.1 ", "GET /echo HTTP/1.1\t", "GET /echo\r HTTP/1.1", "GET\r/echo HTTP/1.1", "GET /echo HTTP/1.1\r", "GET /ec\rho HTTP/1.1", "GET /echo\xa0HTTP/1.1",
    "GET\x85/echo HTTP/1.1", "GET /echo /v1/refunds HTTP/1.1", "GET\x00/echo HTTP/1.1", "GET /echo\nHTTP/1.1", "GET\x1c/echo HTTP/1.1",
])  # fmt: skip
def test_other_white_space(exeat, mission, nowhere, line):
    nowhere(raw(exeat, mission, f"{line}\r\nHost: {HOST}\r\n\r\n"))


@pytest.mark.row("P08")
def test_a_request_line_in_pieces_is_the_same_request_line(exeat, mission, origin):
    """One byte at a time: judged once, when it is whole."""
    with tunnel(exeat, mission) as wire:
        for byte in f"DELETE /v1/refunds/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n":
            wire.send(byte)
        refused(wire.response(), "policy_denied")
    assert origin.connections == []
