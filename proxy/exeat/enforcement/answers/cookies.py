"""An origin's cookies in custody: a placeholder in each Set-Cookie, the real value in the request it belongs to (RFC 6265).

Must not know: any engine, which service answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from exeat.credentials.custody import Kept
from exeat.model.request import CanonicalRequest
from exeat.model.secret import Secret

_NAME = re.compile(r"[!-:<>-~]+")
_VALUE = re.compile(r"[ -:<-~\x80-\U0010ffff]*")
"""No control characters: the value goes into a request, perhaps to another host of the domain."""


@dataclass(frozen=True, slots=True)
class SetCookie:
    """One Set-Cookie field: what is to be kept, and the field's text around the value."""

    kept: Kept
    http_only: bool
    ended: bool
    rest: str

    def with_value(self, value: str) -> bytes:
        """The field with another value."""
        return f"{self.kept.name}={value}{self.rest}".encode("utf-8", "surrogateescape")


def read_set_cookie(value: bytes, request: CanonicalRequest, now: float) -> SetCookie | None:
    """Read a field as a client would (RFC 6265 §5.2); None for one that a client ignores, or that can't be kept apart."""
    text = value.decode("utf-8", "surrogateescape")
    pair, _, _ = text.partition(";")
    name, equals, content = (part.strip(" \t") for part in pair.partition("="))
    if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(content):
        return None
    attributes = {
        key.strip(" \t").lower(): told.strip(" \t")
        for key, _, told in (part.partition("=") for part in text[len(pair) + 1 :].split(";"))
    }
    domain = attributes.get("domain", "").lower().removeprefix(".")
    if domain and domain != request.host and not ("." in domain and request.host.endswith(f".{domain}")):
        return None
    path = attributes.get("path", "")
    if not path.startswith("/"):
        path = request.path.rpartition("/")[0] or "/"
    until = _end(attributes, now)
    kept = Kept(
        "cookie", name, Secret(content), domain or request.host, bool(domain), path, "secure" in attributes, until
    )
    return SetCookie(kept, "httponly" in attributes, until is not None and until <= now, text[len(pair) :])


def _end(attributes: dict[str, str], now: float) -> float | None:
    """When a cookie ends; ``max-age`` before ``expires`` (RFC 6265 §5.3)."""
    age = attributes.get("max-age", "")
    if age.removeprefix("-").isdecimal() and len(age) < 12:
        return now + int(age)
    try:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (KeyError, ValueError, OverflowError, TypeError, IndexError):
        return None
