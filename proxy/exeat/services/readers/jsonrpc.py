"""JSON-RPC 2.0, single or in a batch: each message's method is what it asks.

Cites: https://www.jsonrpc.org/specification §4 and §6. A message without an id is a notification and is judged like any
other. Must not know: MCP, operations.
"""

from __future__ import annotations

from typing import Any

from exeat.model.request import CanonicalRequest
from exeat.services.readers.media import check_json
from exeat.services.readers.reading import Asked, UnreadableError, bounded, one_asked
from exeat.services.readers.strict_json import envelope, read_json

_MEMBERS = ("jsonrpc", "id", "method", "params", "result", "error")
_EXACT = 2**53 - 1


def read_jsonrpc(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read one call, notification or batch; raise UnreadableError."""
    return bounded([one_asked(*method_of(message)) for message in messages(request, body)])


def messages(request: CanonicalRequest, body: bytes) -> list[dict[str, Any]]:
    """Return the messages of a body, one or a batch's, each with the version and a plain id or none."""
    check_json(request)
    value = read_json(body)
    found = [envelope(each, *_MEMBERS) for each in (value if isinstance(value, list) else [value])]
    for message in found:
        if message.get("jsonrpc") != "2.0":
            raise UnreadableError("a message is not JSON-RPC 2.0")
        _check_id(message.get("id"))
    return found


def method_of(message: dict[str, Any]) -> tuple[str, Any]:
    """Return a call's method and its params (``None`` without any); raise UnreadableError for anything else."""
    method, params = message.get("method"), message.get("params")
    if not isinstance(method, str) or "result" in message or "error" in message:
        raise UnreadableError("a message is no call")
    if not isinstance(params, dict | list | None):
        raise UnreadableError("a call's params are neither by name nor by position")
    return method, params


def _check_id(value: object) -> None:
    if value is None or isinstance(value, str):
        return
    if type(value) is not int or not -_EXACT <= value <= _EXACT:
        raise UnreadableError("a message's id is neither a text nor a plain integer")
