"""Where the fields of an answer hold references that clients follow: Location, Content-Location, Link, Refresh.

RFC 9110 §8.7 and §10.2.2, RFC 8288 §3; Refresh as browsers read it. Must not know: what becomes of a reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable

CARRIERS = frozenset({b"location", b"content-location", b"link", b"refresh"})
"""The fields, in lower case."""
_IN_LINK = re.compile(r"<([^<>]*)>")
_IN_REFRESH = re.compile(r"""url\s*=\s*["']?([^"'\s]+)""", re.IGNORECASE)
_WHOLE = re.compile(r"(.+)", re.DOTALL)
_PLACES = {b"link": _IN_LINK, b"refresh": _IN_REFRESH}


def with_references(name: bytes, value: bytes, change: Callable[[str], str]) -> bytes:
    """Return the value of a field of CARRIERS with what ``change`` makes of each reference; the same bytes when that is the same."""
    text = value.decode("utf-8", "surrogateescape")

    def changed_one(match: re.Match[str]) -> str:
        before, after = match[0][: match.start(1) - match.start()], match[0][match.end(1) - match.start() :]
        return before + change(match[1]) + after

    changed = _PLACES.get(name, _WHOLE).sub(changed_one, text)
    return value if changed == text else changed.encode("utf-8", "surrogateescape")
