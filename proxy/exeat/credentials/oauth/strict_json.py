"""One JSON object, read so that no other reader could understand it differently.

Must not know: what it means, where it came from.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the object; raise ValueError, which quotes nothing, for anything else.

    That includes duplicate keys at any depth (RFC 8259 §4 leaves their meaning open), NaN and broken UTF-8.
    """
    try:
        orjson.loads(raw)  # UTF-8 and the grammar; the reader below only adds the search for duplicates
        value = json.JSONDecoder(object_pairs_hook=_unique).decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("not JSON, or a key stands twice") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 one error for every unreadable answer
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
