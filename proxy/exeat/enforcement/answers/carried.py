"""Placeholders of kept tokens in a request: in a header field behind its scheme, in Basic, in a body that may hold one.

A placeholder stands for a whole value or isn't one. Of a token that was a JWT the agent has the claims, which clients read,
and the placeholder in the signature's stead. Must not know: what is kept, whose it is.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from exeat.credentials.custody import MARK

_MARK = MARK.encode("ascii")
_STANDS = r"(?:[\w-]+\.[\w-]+\.)?(" + MARK + r"[\w-]{24})"
_TOKEN = re.compile(_STANDS, re.ASCII)
_IN_FORM = re.compile(rb"(?<==)" + _STANDS.encode() + rb"(?=&|\Z)", re.ASCII)
_IN_JSON = re.compile(rb'"' + _STANDS.encode() + rb'"', re.ASCII)
_MEDIA: Mapping[bytes, tuple[re.Pattern[bytes], Callable[[str], str]]] = {
    b"application/x-www-form-urlencoded": (_IN_FORM, lambda value: quote(value, safe="")),
    b"application/json": (_IN_JSON, json.dumps),
}


def may_hold(name: bytes, value: bytes) -> bool:
    """Whether a field is worth a closer look; cheap, for it is asked of every field of every request."""
    return _MARK in value or (name == b"authorization" and value[:6].lower() == b"basic ")


def in_field(value: bytes) -> str | None:
    """The placeholder that a field's value holds."""
    return next((placeholder for placeholder, _ in _readings(value)), None)


def filled(value: bytes, real: Mapping[str, str]) -> bytes | None:
    """A field's value with the token that its placeholder stands for; None when that is gone."""
    for placeholder, parts in _readings(value):
        token = real.get(placeholder)
        if token is None:
            return None
        before, after, basic = parts
        text = f"{before}{token}{after}"
        return ("Basic " + b64encode(text.encode()).decode("ascii") if basic else text).encode("ascii")
    return value


def _readings(value: bytes) -> Iterator[tuple[str, tuple[str, str, bool]]]:
    """(placeholder, (what stands before it, after it, whether all that is Basic's base64))."""
    text = value.decode("latin-1")
    if text[:6].lower() == "basic " and MARK not in text:
        try:
            user, colon, password = b64decode(text[6:].strip(" "), validate=True).decode("ascii").partition(":")
        except (binascii.Error, ValueError):
            return
        if match := _TOKEN.fullmatch(password):
            yield match[1], (user + colon, "", True)
        elif match := _TOKEN.fullmatch(user):
            yield match[1], ("", colon + password, True)
        return
    before, blank, last = text.rpartition(" ")
    if match := _TOKEN.fullmatch(last):
        yield match[1], (before + blank, "", False)


def in_body(media: bytes, body: bytes) -> Iterator[str]:
    """Every placeholder that is a whole value of a form or a text of a JSON document."""
    pattern, _ = _MEDIA.get(media, (None, None))
    if pattern is not None and _MARK in body:
        for match in pattern.finditer(body):
            yield match[1].decode("ascii")


def filled_body(media: bytes, body: bytes, real: Mapping[str, str]) -> bytes:
    """The body with the tokens themselves; what is gone stays as it is, worthless."""
    pattern, written = _MEDIA[media]

    def one(match: re.Match[bytes]) -> bytes:
        token = real.get(match[1].decode("ascii"))
        return match[0] if token is None else written(token).encode()

    return pattern.sub(one, body)
