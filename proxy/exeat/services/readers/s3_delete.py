"""The body of S3's DeleteObjects: which keys, and which versions of them, it names.

    Delete = "<Delete>" *("<Object>" Key [VersionId] … "</Object>" / "<Quiet>") "</Delete>"

A small part of XML, in which every parser reads the same: no document type, comments, instructions, CDATA, prefixes,
attributes (but one ``xmlns`` on the root), nothing twice. Cites: Amazon S3 API reference, DeleteObjects; XML 1.0 §2.11, §4.6.
Must not know: requests, buckets.
"""

from __future__ import annotations

import re

from exeat.services.readers.reading import UnreadableError

_DECLARATION = re.compile(
    r"""<\?xml version=(["'])1\.0\1(?: encoding=(["'])(?:UTF-8|utf-8)\2)?(?: standalone=(["'])yes\3)?\s*\?>\s*"""
)
_ROOT = re.compile(r"""<Delete(?:\s+xmlns=(["'])http://s3\.amazonaws\.com/doc/2006-03-01/\1)?\s*>""")
_NEXT = re.compile(
    r"\s*(?:<(?P<open>Object)>|<(?P<leaf>Key|VersionId|Quiet|ETag|LastModifiedTime|Size)>(?P<text>[^<]*)</(?P=leaf)>|</(?P<close>Object|Delete)>)"
)
_REFERENCE = re.compile(r"&(?:(?P<name>amp|lt|gt|quot|apos)|#(?P<number>[0-9]{1,7})|#x(?P<hex>[0-9A-Fa-f]{1,6}));|&")
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 §2.2 leaves out: some parsers stop there, others read on."""
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
MOST_KEYS = 1000


def read_delete(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return (key, version or ``""``) of everything to be deleted; raise UnreadableError."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _unread() from None
    if _NO_CHARACTER.search(text):
        raise _unread()
    text = text.rstrip(" \t\r\n")
    declared = _DECLARATION.match(text)
    root = _ROOT.match(text, 0 if declared is None else declared.end())
    if root is None:
        raise _unread()
    found: list[tuple[str, str]] = []
    inside: dict[str, str] | None = None
    quiet = False
    at = root.end()
    while (piece := _NEXT.match(text, at)) is not None:
        at = piece.end()
        if piece["open"] and inside is None:
            inside = {}
        elif piece["leaf"] == "Quiet" and inside is None and not quiet and piece["text"] in ("true", "false"):
            quiet = True
        elif piece["leaf"] and inside is not None and piece["leaf"] != "Quiet" and piece["leaf"] not in inside:
            inside[piece["leaf"]] = _text(piece["text"])
        elif piece["close"] == "Object" and inside is not None and inside.get("Key") and len(found) < MOST_KEYS:
            found.append((inside["Key"], inside.get("VersionId", "")))
            inside = None
        elif piece["close"] == "Delete" and inside is None and found and at == len(text):
            return tuple(found)
        else:
            break
    raise _unread()


def _text(raw: str) -> str:
    """A leaf's text, its references resolved; a key with outer white space isn't the same to all parsers."""
    text = _REFERENCE.sub(_resolved, raw)
    if text != text.strip() or "]]>" in raw or "\r" in raw:
        raise _unread()
    return text


def _resolved(found: re.Match[str]) -> str:
    if found["name"]:
        return _NAMED[found["name"]]
    number = int(found["number"] or found["hex"] or "0", 10 if found["number"] else 16)
    if not 0x20 <= number <= 0x10FFFF or 0xD800 <= number <= 0xDFFF or number in (0xFFFE, 0xFFFF):
        raise _unread()
    return chr(number)


def _unread() -> UnreadableError:
    return UnreadableError("the list of objects to delete has no one reading")
