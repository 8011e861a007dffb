"""Keep a token from coming back to the agent: mask it in what an origin answers, without buffering the stream.

Masked are the value itself, its percent-encoded, JSON-escaped and hexadecimal forms (either case), and base64 and
base64url of it at any alignment, also across chunk borders. The mask has the length of what it covers, so framing holds.
Anything else (compressed, encrypted, reversed, split by the origin) passes: DESIGN promise 2 says so openly. Must not
know: any engine, whose token it is.
"""

from __future__ import annotations

import base64
from typing import final
from urllib.parse import quote, quote_plus

from exeat.model.request import Headers
from exeat.model.secret import Secret

_SHORTEST = 8
"""Forms shorter than this aren't masked: they would be found in ordinary text."""


def forms(secret: Secret) -> tuple[bytes, ...]:
    """Every form of a secret that is looked for, longest first."""
    value = secret.reveal()
    raw = value.encode()
    found = {raw, quote(value, safe="").encode(), quote_plus(value).encode(), value.replace("/", "\\/").encode()}
    found |= {raw.hex().encode(), raw.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            encoded = encode(b"\0" * shift + raw)
            # Drop what mixes with the neighbours: their bits at the front, the padding's at the end.
            front = (shift * 8 + 5) // 6
            tail = (len(raw) + shift) % 3
            found.add(encoded[front : len(encoded) - (0 if tail == 0 else 4 - tail)])
    return tuple(sorted((form for form in found if len(form) >= _SHORTEST), key=len, reverse=True))


def mask(text: bytes, needles: tuple[bytes, ...]) -> bytes:
    """Cover every needle with asterisks."""
    for needle in needles:
        if needle in text:
            text = text.replace(needle, b"*" * len(needle))
    return text


def mask_fields(fields: Headers, needles: tuple[bytes, ...]) -> Headers:
    """Cover every needle in the values."""
    together = b"\n".join([value for _, value in fields])  # no needle holds a line feed, so none lies across two
    if mask(together, needles) is together:
        return fields
    return tuple((name, mask(value, needles)) for name, value in fields)


@final
class Scrubber:
    """One direction of one message. Holds back only a tail that could be the beginning of a needle."""

    __slots__ = ("_held", "_needles", "found")

    def __init__(self, needles: tuple[bytes, ...]) -> None:
        self._needles = needles
        self._held = b""
        self.found = False

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on now; an empty chunk ends the message and returns the rest."""
        text = self._held + chunk if self._held else chunk
        masked = mask(text, self._needles)
        if masked is not text:
            self.found = True
        if not chunk:
            self._held = b""
            return masked
        keep = self._suspicious(masked)
        if not keep:
            self._held = b""
            return masked
        self._held = masked[-keep:]
        return masked[:-keep]

    def _suspicious(self, text: bytes) -> int:
        """How many bytes at the end may be the beginning of a needle."""
        longest = 0
        for needle in self._needles:
            start = max(0, len(text) - len(needle) + 1)
            first = needle[:4]
            at = text.find(first, start)
            while at >= 0:
                if needle.startswith(text[at:]):
                    longest = max(longest, len(text) - at)
                    break
                at = text.find(first, at + 1)
            else:
                for size in (3, 2, 1):
                    if text.endswith(needle[:size]):
                        longest = max(longest, size)
                        break
        return longest
