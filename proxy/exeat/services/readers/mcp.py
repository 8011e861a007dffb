"""Model Context Protocol over streamable HTTP: the method, and for tools, prompts and resources which one.

Selects are the method, with ``:name`` for ``tools/call`` and ``prompts/get``, ``:uri`` for ``resources/read``,
``resources/subscribe`` and ``resources/unsubscribe``; ``response`` is an answer to a question of the server's. Captures
point into the params: ``/name``, ``/arguments/query``, ``/uri``. Cites: modelcontextprotocol.io, transports and schema of
2025-06-18 and 2026-07-28. Must not know: operations.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from exeat.model.request import CanonicalRequest
from exeat.services.readers.jsonrpc import messages, method_of
from exeat.services.readers.reading import Asked, UnreadableError, bounded, one_asked
from exeat.services.readers.strict_json import envelope

RESPONSE = "response"
_ENCODED = b"=?base64?"
_NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
}


def read_mcp(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read one message or a batch of them; raise UnreadableError."""
    found = messages(request, body)
    _check_headers(request, found)
    return bounded([_asked(message) for message in found])


def _asked(message: dict[str, Any]) -> Asked:
    if "method" not in message:
        if ("result" in message) == ("error" in message) or message.get("id") is None:
            raise UnreadableError("a message is neither a call nor an answer")
        return Asked(RESPONSE)
    method, params = method_of(message)
    if isinstance(params, list):
        raise UnreadableError("params are by position where they go by name")
    if params is not None:
        envelope(params, "name", "uri", "arguments")
    kind = _NAMED.get(method)
    if kind is None:
        return one_asked(method, params)
    name = None if params is None else params.get(kind)
    if not isinstance(name, str) or not name:
        raise UnreadableError("a call doesn't say what it is for")
    if method == "tools/call" and not isinstance(params.get("arguments", {}), dict):
        raise UnreadableError("a tool's arguments are no object")
    return one_asked(f"{method}:{name}", params)


def _check_headers(request: CanonicalRequest, found: list[dict[str, Any]]) -> None:
    """Servers may route by ``Mcp-Method`` and ``Mcp-Name``: where they come, they say what the body says."""
    for field, value in ((b"mcp-method", _method), (b"mcp-name", _name)):
        said = request.header(field)
        if said and (len(said) != 1 or len(found) != 1 or not _says(said[0], value(found[0]))):
            raise UnreadableError("a header field says something else than the body")


def _says(field: bytes, value: str) -> bool:
    """Whether a field's value is ``value``, plain or in the base64 form for what isn't plain ASCII."""
    raw = value.encode("utf-8")
    if field.startswith(_ENCODED):
        return field == _ENCODED + b64encode(raw) + b"?="
    return field == raw


def _method(message: dict[str, Any]) -> str:
    return str(message.get("method", ""))


def _name(message: dict[str, Any]) -> str:
    params = message.get("params")
    kind = _NAMED.get(_method(message))
    return str(params.get(kind, "")) if kind and isinstance(params, dict) else ""
