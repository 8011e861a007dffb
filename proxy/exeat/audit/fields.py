"""A record's fields, bounded and made fit for JSON, whatever an agent put into them.

Must not know: chains, hashes, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.record import Record

# An agent chooses these. RFC 9110 §4.1 asks for 8,000 octets of URI; the first 2,048 tell calls apart, and a host name
# ends at 253 (RFC 1035 §2.3.4).
_CAPS = {"path": 2048, "host": 256, "method": 256, "request_id": 256}
_SHORT = 256
_CAP = 1024
_DEEPEST = 8
_LARGEST_INTEGER = 2**63 - 1
_CUT = "…"


def encode(record: Record) -> bytes:
    """Return a record as one JSON object without a line break.

    Strings over their cap end in ``…``; lone surrogates and undecodable bytes become replacement characters; integers
    are clamped to 64 bits. Raise RefusalError(AUDIT_UNAVAILABLE) for a value that has no JSON form, a Secret above all.
    """
    for name, value in record.items():
        if isinstance(value, str) and len(value) > _SHORT and len(value) > _CAPS.get(name, _CAP):
            record = {key: _capped(key, item) for key, item in record.items()}
            break
    try:
        return orjson.dumps(record)
    except TypeError:
        pass  # rare: something an agent sent isn't Unicode, or a value isn't plain
    try:
        return orjson.dumps({_text(name): _capped(name, _plain(value, 0)) for name, value in record.items()})
    except TypeError as error:  # the text names a type, never a value
        raise RefusalError(Reason.AUDIT_UNAVAILABLE, f"a record can't be written as JSON: {error}") from None


def _capped(name: str, value: Any) -> Any:
    if isinstance(value, str) and len(value) > (cap := _CAPS.get(name, _CAP)):
        return value[: cap - 1] + _CUT
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a field's name isn't text")
    return value.encode("utf-8", "replace").decode("utf-8")


def _plain(value: Any, depth: int) -> Any:
    """The same value in JSON's types; raise TypeError for what has none. Nothing is ever turned into text by ``str``."""
    if depth > _DEEPEST:
        raise TypeError("a record is nested too deeply")
    match value:
        case None | bool() | float():
            return value
        case int():
            return max(-_LARGEST_INTEGER, min(value, _LARGEST_INTEGER))
        case str():
            return _capped("", _text(value)) if depth else _text(value)
        case bytes() | bytearray():
            return bytes(value).decode("utf-8", "replace")
        case Mapping():
            return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, depth + 1) for item in value]
        case set() | frozenset():
            return sorted((_plain(item, depth + 1) for item in value), key=repr)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
