"""What a query names is read once, from the query alone, or the request is refused."""

from __future__ import annotations

import pytest
from catalogue_kit import build, example

from exeat.decision.classify import Unread, classify, classify_body
from exeat.decision.normalize import normalize
from exeat.errors import ConfigurationError
from exeat.model.decision import Deny
from exeat.model.request import Tunnel, WireRequest

HOST = "api.example.test"
ROOM = {"type": "Room", "id": "{room}"}


def service(*operations):
    return build(example(operation=[*operations], resource=[ROOM]))


def operation(match, action="enter", group="read", **more):
    return {"match": match, "action": action, "group": group, "resource": "Room"} | more


INDEX = service(
    operation("GET,DELETE /rooms?room={room}"),
    {"match": "GET /rooms?all", "action": "all", "group": "read"},
    operation("POST /say?room={room}", "say", "write"),
    operation("POST /tell", "tell", "write", reader="json", captures={"room": "/room"}),
    operation("POST /move?room={room}", "move", "write", reader="json", captures={"to": "/to"}),
)


def asked(method, target, body=b""):
    fields = ((b"host", HOST.encode()), (b"content-type", b"application/json"))
    request = normalize(
        WireRequest(method, target.encode(), "", fields, "HTTP/1.1", Tunnel(HOST, 443, HOST), bool(body))
    )
    assert not isinstance(request, Deny)
    found = classify(request, INDEX)
    if isinstance(found, Unread):
        found = classify_body(found, request, body)
    return (
        str(found.reason)
        if isinstance(found, Deny)
        else (found if isinstance(found, tuple) else (found,))[0].resource.uid.id
    )


@pytest.mark.parametrize(("method", "target", "body", "found"), [
    ("GET", "/rooms?room=blue", b"", "blue"), ("GET", "/rooms?x=1&room=a%20b", b"", "a b"), ("GET", "/rooms?all", b"", "example"), ("GET", "/rooms?all=", b"", "example"),
    ("POST", "/say?room=blue", b"", "blue"), ("POST", "/tell", b'{"room": "blue"}', "blue"), ("POST", "/move?room=blue", b'{"to": "red"}', "blue"),
    ("GET", "/rooms", b"", "operation_unknown"), ("GET", "/rooms?room=a&room=b", b"", "operation_unknown"), ("GET", "/rooms?room=a&Room=b", b"", "operation_unknown"),
    ("GET", "/rooms?room=a&room[]=b", b"", "operation_unknown"), ("GET", "/rooms?room=a;room=b", b"", "operation_unknown"), ("GET", "/rooms?room", b"", "operation_unknown"),
    ("GET", "/rooms?room=a/b", b"", "operation_unknown"), ("GET", "/rooms?room=a%2fb", b"", "operation_unknown"), ("GET", "/rooms?room=a+b", b"", "operation_unknown"),
    ("GET", "/rooms?room=a&all", b"", "operation_unknown"), ("GET", "/rooms?all=1", b"", "operation_unknown"),
    ("DELETE", "/rooms?room=a", b'{"room": "b"}', "request_malformed"), ("POST", "/say?room=blue", b'{"room": "red"}', "request_malformed"),
    ("POST", "/tell?room=red", b'{"room": "blue"}', "request_malformed"), ("POST", "/tell?room=red", b"{}", "request_malformed"),
    ("POST", "/move?room=blue", b'{"to": "red", "room": "red"}', "request_malformed"), ("POST", "/move?room=blue", b'{"to": "red", "ROOM": "red"}', "request_malformed"),
])  # fmt: skip
@pytest.mark.guard("query-and-body")
def test_a_query_names_a_resource_once_and_alone(method, target, body, found):
    assert asked(method, target, body) == found


@pytest.mark.parametrize("operations", [
    [operation("GET /a?room={room}"), operation("GET /a?room={id}", "other")], [operation("GET /{room}?room={room}")], [operation("GET /a?x={room}&y={room}")],
    [operation("GET /a?x={room}"), {"match": "GET /a?x=1", "action": "other", "group": "read"}], [operation("GET /a?x={Room}")], [operation("GET /a?x={}")],
    [operation("POST /a?room={room}", reader="graphql", select="query:a")],
])  # fmt: skip
def test_captures_of_a_query_that_could_be_mistaken_are_refused_at_load(operations):
    with pytest.raises((ConfigurationError, ValueError)):
        service(*operations)
