"""Path and query of a request target: one reading or none.

Ambiguous targets are refused, never rewritten: no rewriting matches every origin (GHSA-9f29-v6mm-pw6w, CVE-2021-29492).
Must not know: hosts, header fields.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

_UNFIT_PATH = re.compile(rb"[^\x21-\x7e]|[#\\;?]|//")
_UNFIT_QUERY = re.compile(rb"[^\x21-\x7e]|#|%(?![0-9A-Fa-f]{2})")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNFIT_ESCAPE = re.compile(r"%(?:5c|[01][0-9a-f]|7f|25[0-9a-f]{2})", re.IGNORECASE)
"""An encoded backslash or control character, or a percent sign that starts a second escape."""


def read_path(path: bytes) -> tuple[str, tuple[str, ...]]:
    """Return a path, unchanged, and its decoded segments; raise ValueError (fixed text) when it has two readings.

    ``/`` has no segment; a trailing slash gives a last segment ``""``. An encoded slash stays inside its segment, where no
    template takes it for plain text: ``classify`` refuses it unless the service says how it reads one.
    """
    if not path.startswith(b"/"):
        raise ValueError("the target is not a path")
    if _UNFIT_PATH.search(path):
        raise ValueError("the path holds a raw space, control, 8-bit or reserved character, or an empty segment")
    text = path.decode("ascii")
    if text == "/":
        return text, ()
    segments = text[1:].split("/")
    if "%" in text:
        if _BROKEN_ESCAPE.search(text):
            raise ValueError("the path holds a broken escape")
        if _UNFIT_ESCAPE.search(text):
            raise ValueError("the path holds an encoded separator, control character or percent sign")
        segments = [_decode(segment) if "%" in segment else segment for segment in segments]
        if any("" in segment.split("/") for segment in segments if "/" in segment):
            raise ValueError("the path holds an empty segment beside an encoded slash")
    # Whoever decodes an encoded slash sees its pieces as segments.
    for piece in segments if "%" not in text else "/".join(segments).split("/"):
        if piece[:1] in _DOTTY and piece and not piece.partition(";")[0].strip(". "):
            raise ValueError("the path holds a dot segment or an empty one with parameters")
    return text, tuple(segments)


_DOTTY = frozenset(". ;")


def _decode(segment: str) -> str:
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:  # overlong forms too
        raise ValueError("the path's escapes are not UTF-8") from None
    if not text.isascii():
        folded = unicodedata.normalize("NFKC", text)  # origins that fold would see another path
        if any(folded.count(sign) != text.count(sign) for sign in "/\\%") or not folded.strip(". "):
            raise ValueError("the path holds a look-alike of a separator or dot segment")
        if any(unicodedata.category(sign) == "Cc" for sign in text):
            raise ValueError("the path holds an encoded control character")
    return text


def read_query(query: bytes) -> str:
    """Return a query unchanged; raise ValueError (fixed text) when it isn't printable ASCII with whole escapes."""
    if _UNFIT_QUERY.search(query):
        raise ValueError("the query holds a raw space, control or 8-bit character, or a broken escape")
    return query.decode("ascii")
