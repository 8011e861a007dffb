"""``key=value`` pairs of a query or a urlencoded form, read as every server reads them, or a refusal.

Cites: WHATWG URL §5 (application/x-www-form-urlencoded); security matrix P03. Must not know: what the pairs mean.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from exeat.services.query import plain_key
from exeat.services.readers.reading import UnreadableError

_PAIR = re.compile(r"(?:[A-Za-z0-9*._~!$'()+,:@/?\[\]{}|^`\\\"-]|%[0-9A-Fa-f]{2})*")
_MOST = 10_000


def read_pairs(text: str) -> dict[str, str]:
    """Return the pairs; raise UnreadableError for a key twice, a bad escape, ``;``, or what isn't UTF-8."""
    pairs = pairs_in_order(text)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("a key of a pair comes twice")
    return found


def pairs_in_order(text: str) -> list[tuple[str, str]]:
    """Return the pairs as they stand there, a key twice too; raise UnreadableError as above."""
    found: list[tuple[str, str]] = []
    if not text:
        return found
    pieces = text.split("&", _MOST)
    if len(pieces) > _MOST:
        raise UnreadableError("too many pairs")
    for piece in pieces:
        raw_key, equals, raw_value = piece.partition("=")
        key, value = _decode(raw_key), _decode(raw_value.replace("=", "%3D"))
        if not key or not equals:
            raise UnreadableError("a pair has no key or no value")
        found.append((key, value))
    return found


def names(text: str) -> frozenset[str]:
    """The keys of a raw query, however badly it is written, each as :func:`plain_key` has it."""
    keys = (re.split("[=]", piece, maxsplit=1)[0] for piece in re.split("[&;]", text))
    return frozenset(plain_key(unquote_to_bytes(key.replace("+", " ")).decode("utf-8", "replace")) for key in keys)


def _decode(raw: str) -> str:
    if not _PAIR.fullmatch(raw):
        raise UnreadableError("a pair is not urlencoded")
    try:
        return unquote_to_bytes(raw.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("a pair is not in UTF-8") from None
