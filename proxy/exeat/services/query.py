"""Queries as a lenient server may read them, so that a key which is judged can't hide.

Must not know: what any key means.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus


def query_pairs(query: str) -> Iterator[tuple[str, str]]:
    """Every decoded (key, value) that some server would read in a query: split at ``&``, and at ``;`` too."""
    for part in query.split("&"):
        for pair in (part, *part.split(";")) if ";" in part else (part,):
            key, _, value = pair.partition("=")
            yield decoded(key), decoded(value)


def decoded(text: str) -> str:
    """A key or value without its escapes."""
    return unquote_plus(text, errors="surrogateescape") if "%" in text or "+" in text else text


def plain_key(key: str) -> str:
    """What some server makes of a query key: case is ignored and white space cut off; PHP cuts at ``[`` and NUL and writes ``_`` for
    dots, blanks and a ``[`` that nothing closes (main/php_variables.c).
    """
    name = key.partition("\0")[0].strip()
    head, bracket, rest = name.partition("[")
    if bracket:
        name = head if "]" in rest and head else f"{head}_{rest}"
    return name.replace(".", "_").replace(" ", "_").casefold()


def exact_values(query: str, keys: frozenset[str], free: frozenset[str] = frozenset()) -> dict[str, str] | None:
    """Return which of ``keys`` the query gives, each with its value, or None when one has more than one reading.

    A key counts only when it stands there once, under every reading, and spelled as written. The values of those in ``free``
    may be escaped; a ``+`` or a ``/`` in one has two readings.
    """
    found: dict[str, str] = {}
    wanted = {plain_key(key): key for key in keys}
    pieces = query.split("&")
    for key, value in query_pairs(query):
        if (name := wanted.get(plain_key(key))) is None:
            continue
        if name in found:
            return None
        if name in free:
            raw = next((piece for piece in pieces if piece.startswith(f"{name}=")), "+")
            if "+" in raw or "/" in value or not value.isprintable() or not value:
                return None
        elif f"{name}={value}" not in pieces and (value or name not in pieces):
            return None
        found[name] = value
    return found
