"""mitmproxy without the costs of its debugging: run once before any connection is served.

Two things are replaced, neither of which decides anything. Messages are built without the run-time check of each field's
type that mitmproxy makes outside ``python -O``: our own layers build them, from bytes that were checked. And a header look-up
scans the fields once instead of building a list of lists of text. Must not know: what is looked up.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import http


def _values(fields: tuple[tuple[bytes, bytes], ...], name: str | bytes) -> list[bytes]:
    wanted = (name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name).lower()
    return [value for key, value in fields if key.lower() == wanted]


def _text(values: list[bytes]) -> str:
    return ", ".join([value.decode("utf-8", "surrogateescape") for value in values])


def _get(self: http.Headers, name: str | bytes, default: Any = None) -> Any:
    values = _values(self.fields, name)
    return _text(values) if values else default


def _getitem(self: http.Headers, name: str | bytes) -> str:
    values = _values(self.fields, name)
    if not values:
        raise KeyError(name)
    return _text(values)


def _contains(self: http.Headers, name: object) -> bool:
    return isinstance(name, str | bytes) and bool(_values(self.fields, name))


def _unchecked(_: http.MessageData) -> None:
    """In place of a type check."""


def slim() -> None:
    """Replace them; doing it again changes nothing."""
    message: Any = http.MessageData
    headers: Any = http.Headers
    message.__post_init__ = _unchecked
    headers.get, headers.__getitem__, headers.__contains__ = _get, _getitem, _contains
