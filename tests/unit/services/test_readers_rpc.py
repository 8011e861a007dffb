"""JSON-RPC and MCP messages are read one by one: what each calls, or a refusal of all."""

from __future__ import annotations

import pytest
from readers_kit import posted, selects, text, why

from exeat.services.readers.jsonrpc import read_jsonrpc
from exeat.services.readers.mcp import read_mcp
from exeat.services.readers.reading import UnreadableError


def call(method, params=None, **more):
    return {"jsonrpc": "2.0", "id": 1, "method": method} | ({} if params is None else {"params": params}) | more


def test_a_call_a_notification_and_a_batch():
    assert selects(read_jsonrpc, call("eth_call", [1])) == ["eth_call"]
    assert selects(read_jsonrpc, {"jsonrpc": "2.0", "method": "tick"}) == ["tick"]
    assert selects(read_jsonrpc, [call("a"), call("b", id="x"), call("a", id=None)]) == ["a", "b", "a"]
    (asked,) = read_jsonrpc(posted(), text(call("a", {"k": 1})))
    assert asked.arguments == {"k": 1}


BAD = [
    [], {}, 1, None, "eth_call", [[]], [call("a"), 1], {"method": "a"}, call("a", jsonrpc="1.0"), call("a", jsonrpc=2.0), call(""), call(1), call(None),
    call("a\nb"), call(" a"), call("a" * 1025), call("a", 1), call("a", "x"), call("a", id=1.5), call("a", id=1e3), call("a", id=True), call("a", id=[]),
    call("a", id=2**53), call("a", result=1), call("a", error={}), call("a", Method="b"), call("a", METHOD="b"), call("a", Params=[]),
    [call("a")] * 101, b'{"jsonrpc":"2.0","method":"a","method":"b"}', b'{"jsonrpc":"2.0","method":"a","meth\\u006fd":"b"}',
]  # fmt: skip


@pytest.mark.parametrize("reader", [read_jsonrpc, read_mcp])
@pytest.mark.parametrize("body", BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_message_that_is_not_plainly_one_refuses_the_whole(reader, body):
    assert why(reader, body)


def test_an_answer_is_no_call_of_json_rpc():
    assert why(read_jsonrpc, {"jsonrpc": "2.0", "id": 1, "result": {}})


@pytest.mark.parametrize(("message", "select"), [
    (call("initialize", {"protocolVersion": "2025-06-18"}), "initialize"), (call("ping"), "ping"), (call("tools/list"), "tools/list"),
    ({"jsonrpc": "2.0", "method": "notifications/initialized"}, "notifications/initialized"),
    (call("tools/call", {"name": "search"}), "tools/call:search"), (call("tools/call", {"name": "search", "arguments": {"q": 1}}), "tools/call:search"),
    (call("prompts/get", {"name": "p"}), "prompts/get:p"), (call("resources/read", {"uri": "file:///a"}), "resources/read:file:///a"),
    ({"jsonrpc": "2.0", "id": 3, "result": {}}, "response"), ({"jsonrpc": "2.0", "id": 3, "error": {"code": 1}}, "response"),
])  # fmt: skip
def test_mcp_messages_are_named(message, select):
    assert selects(read_mcp, message) == [select]


def test_a_tools_params_can_be_captured():
    (asked,) = read_mcp(posted(), text(call("tools/call", {"name": "n", "arguments": {"repo": "r"}})))
    assert asked.arguments == {"name": "n", "arguments": {"repo": "r"}}


@pytest.mark.parametrize("message", [
    call("tools/call"), call("tools/call", {}), call("tools/call", {"name": 1}), call("tools/call", {"name": ""}), call("tools/call", ["n"]),
    call("tools/call", {"name": "a", "Name": "b"}), call("tools/call", {"name": "a", "arguments": []}), call("tools/call", {"name": "a", "arguments": None}),
    call("tools/call", {"name": "a\u202eb"}), call("resources/read", {"name": "x"}), call("tools/list", {"cursor": 1, "CURSOR": 2}),
    {"jsonrpc": "2.0", "result": {}}, {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}, {"jsonrpc": "2.0", "id": 1},
])  # fmt: skip
def test_an_mcp_message_that_doesnt_say_what_it_wants_is_refused(message):
    assert why(read_mcp, message)


def test_a_header_that_says_something_else_than_the_body_is_refused():
    body = text(call("tools/call", {"name": "search"}))
    assert read_mcp(posted("application/json", (b"mcp-method", b"tools/call"), (b"mcp-name", b"search")), body)
    for fields in (
        ((b"mcp-method", b"tools/list"),),
        ((b"mcp-name", b"other"),),
        ((b"mcp-name", b"search"), (b"mcp-name", b"search")),
    ):
        with pytest.raises(UnreadableError):
            read_mcp(posted("application/json", *fields), body)
    for name, field in (("é", b"=?base64?w6k=?="), ("=?base64?w6k=?=", b"=?base64?PT9iYXNlNjQ/dzZrPT89?=")):
        body = text(call("tools/call", {"name": name}))
        assert read_mcp(posted("application/json", (b"mcp-name", field)), body)
        with pytest.raises(UnreadableError):
            read_mcp(posted("application/json", (b"mcp-name", b"=?base64?w6k?=")), body)
    with pytest.raises(UnreadableError):
        read_mcp(posted("application/json", (b"mcp-name", b"=?base64?w6k=?=")), body)
    with pytest.raises(UnreadableError):
        read_mcp(posted("application/json", (b"mcp-method", b"ping")), text([call("ping"), call("ping")]))
