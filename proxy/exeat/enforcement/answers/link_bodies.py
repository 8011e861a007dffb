"""Presigned links in a text body, as it streams: a placeholder stands for each signature, in whatever way the URL is escaped.

Only what follows the last blank, quote or angle bracket waits for the next bytes, for it may be the beginning of a URL. Must not
know: any engine, who follows the links.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import final

from exeat.enforcement.answers.links import SIGNING, Keep, with_kept
from exeat.enforcement.answers.scrub import BodyReader
from exeat.model.request import CanonicalRequest

_LONGEST = 8 * 1024
"""Bytes of a URL; servers and clients stop there too."""
_BREAK = re.compile(rb"[\s\"'<>](?=[^\s\"'<>]*\Z)")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\/|&amp;")
_URL = re.compile(rb"https?:(?:\\?/){2}(?:[!#-&(-;=?-\[\]-~]|\\u[0-9a-fA-F]{4}|\\/)+")
_TEXT = re.compile(rb"text/|application/(?:[a-z0-9.+-]*\+)?(?:json|xml|javascript)\b", re.IGNORECASE)


def is_text(content_type: bytes) -> bool:
    """Whether links are looked for in a body of this type."""
    return _TEXT.match(content_type.strip()) is not None


@cache
def _signs(parameters: frozenset[str]) -> Callable[[bytes], object]:
    """A search for anything that could sign a link: most texts hold nothing of it, and every URL costs."""
    names = b"|".join(re.escape(name.encode()) for name in sorted(parameters | SIGNING))
    search = re.compile(rb"[?&;6](?:" + names + rb")(?:=|\\u003d)").search  # 6 is the end of an escaped ampersand
    return lambda text: search(text.lower())


@final
class LinkBody:
    """A body whose links are kept, and which is then read by ``inner``."""

    __slots__ = ("_held", "_inner", "_keep", "_parameters", "_request", "_signs")

    def __init__(self, request: CanonicalRequest, parameters: frozenset[str], keep: Keep, inner: BodyReader) -> None:
        self._request, self._parameters, self._keep = request, parameters, keep
        self._inner = inner
        self._signs = _signs(parameters)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on now; an empty chunk ends the body. Raise AnswerError where links are refused."""
        text = self._held + chunk
        self._held = b""
        if not chunk:
            return (self._inner.feed(self._kept(text)) if text else b"") + self._inner.feed(b"")
        last = _BREAK.search(text, max(0, len(text) - _LONGEST))
        cut = last.end() if last else 0
        if len(text) - cut <= _LONGEST:
            self._held, text = text[cut:], text[:cut]
        return self._inner.feed(self._kept(text)) if text else b""

    def _kept(self, text: bytes) -> bytes:
        return _URL.sub(self._one, text) if self._signs(text) else text

    def _one(self, match: re.Match[bytes]) -> bytes:
        written = match[0].decode("ascii")
        escapes = {_plain(found): found[0] for found in _ESCAPE.finditer(written)}
        url = _ESCAPE.sub(_plain, written).encode("utf-8", "surrogatepass")
        kept = with_kept(b"location", url, self._request, self._parameters, self._keep)
        if kept == url:
            return match[0]
        again = kept.decode("utf-8", "surrogatepass")
        return "".join(escapes.get(one, one) for one in again).encode("utf-8", "surrogatepass")


def _plain(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return "/" if escape[0] == "\\/" else "&"
