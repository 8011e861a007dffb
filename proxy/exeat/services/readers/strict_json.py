"""JSON that every parser reads alike (RFC 8259), or a refusal.

Stricter than the RFC where parsers are known to differ: a key twice in one object (§4), a byte order mark (§8.1), unpaired
surrogates (§8.2), numbers beyond what a double holds (§6), deep nesting (§9). Must not know: what the JSON means.
"""

from __future__ import annotations

from typing import Any

import orjson

from exeat.services.readers.reading import UnreadableError

DEEPEST = 64
"""Levels of arrays and objects; some parsers stop at 100, none of the known APIs needs 20."""
MOST_VALUES = 100_000
"""Values in one text: it bounds the time a judgement takes (some 15 ms)."""


def read_json(text: bytes) -> Any:
    """Return the value of one JSON text; raise UnreadableError unless every parser reads it alike."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnreadableError("the body is not one JSON text in UTF-8") from None
    # orjson keeps the last of several equal keys in silence: then the text has more colons than the value has keys.
    if _count_keys(value) != _count_colons(text):
        raise UnreadableError("an object of the body has a key twice")
    return value


def _count_colons(text: bytes) -> int:
    """The colons outside strings of a text that is known to be JSON."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")  # then every quote left starts or ends a string
    return b"".join(text.split(b'"')[::2]).count(b":")


def _count_keys(value: object) -> int:
    """The keys of all objects, level by level; raise UnreadableError beyond the bounds."""
    level: list[object] = [value]
    keys = values = depth = 0
    while level:
        depth += 1
        values += len(level)
        below: list[object] = []
        for each in level:
            if type(each) is dict:
                keys += len(each)
                below.extend(each.values())
            elif type(each) is list:
                below.extend(each)
        if depth > DEEPEST or values + len(below) > MOST_VALUES:
            raise UnreadableError("the body is nested too deeply or holds too many values")
        level = below
    return keys


def envelope(value: object, *known: str) -> dict[str, Any]:
    """Return an object whose members say what is asked; raise UnreadableError for keys a parser could confuse.

    Go's encoding/json, among others, matches keys without regard to case, and a C string ends at a NUL. ``known`` are the
    keys that mean something: no other may be taken for one, whether that one is there or not.
    """
    if not isinstance(value, dict):
        raise UnreadableError("an object is expected")
    folded = {key.casefold() for key in value}
    meant = sum(key.casefold() in folded for key in known) - sum(key in value for key in known)
    if len(folded) != len(value) or meant or not all(key.isprintable() for key in value):
        raise UnreadableError("an object has keys that some parsers take for the same")
    return value


def twins(keys: object, name: str) -> bool:
    """Whether some parser could take another one of ``keys`` for ``name``."""
    if not isinstance(keys, dict):
        return False
    plain = name.casefold()
    return any(key != name and (key.partition("\0")[0].casefold() == plain) for key in keys)
