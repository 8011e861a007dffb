"""Every form of a secret that is looked for in an answer: this list, which docs/security/echoes.md explains.

A secret by itself; with its punctuation escaped for a URL, JSON, JavaScript or HTML, as encoders write it; in hexadecimal;
in base64 at any alignment. Of a JWT also its signature alone, without which the rest is worthless. Must not know: any engine,
whose secret it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import final
from urllib.parse import quote, quote_plus

from exeat.model.secret import Secret

_SHORTEST = 8
"""Forms shorter than this aren't masked: they would be found in ordinary text."""
_LONGEST_ESCAPE = 20
"""Bytes for one character: ``%25XX`` for each of four bytes of UTF-8."""
_LETTERS = re.compile(rb"[A-Za-z0-9]+")
_JWT = re.compile(r"[\w-]+\.[\w-]+\.([\w-]{16,})", re.ASCII)
_MARK = re.compile(r"[^A-Za-z0-9]")


def _each(pattern: str) -> Callable[[str], str]:
    """Escape every character that is no letter or digit, in one notation."""
    return lambda value: _MARK.sub(lambda mark: pattern.format(ord(mark[0])), value)


_ESCAPES: tuple[Callable[[str], str], ...] = (
    str,
    lambda value: quote(value, safe=""),
    lambda value: quote(value, safe="").replace("%", "%25"),  # a URL within a URL
    quote,
    quote_plus,
    lambda value: re.sub("%..", lambda escaped: escaped[0].lower(), quote(value, safe="")),
    _each("%{:02X}"),
    _each("%{:02x}"),
    lambda value: value.replace("\\", "\\\\").replace('"', '\\"'),  # JSON: what must be, then what encoders do besides
    lambda value: value.replace("\\", "\\\\").replace('"', '\\"').replace("/", "\\/"),
    lambda value: re.sub("[<>&='+]", lambda mark: f"\\u{ord(mark[0]):04x}", value),
    lambda value: re.sub("[<>&='+/]", lambda mark: f"\\u{ord(mark[0]):04x}", value),
    _each("\\u{:04x}"),
    _each("\\u{:04X}"),
    _each("\\x{:02x}"),
    _each("\\x{:02X}"),
    escape,
    lambda value: escape(value).replace("&#x27;", "&#39;"),
    lambda value: escape(value).replace("/", "&#x2F;").replace("=", "&#x3D;").replace("`", "&#x60;"),
    _each("&#x{:x};"),
    _each("&#x{:X};"),
    _each("&#{};"),
)  # fmt: skip
"""Each leaves letters and digits as they are."""


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _escaped(value: str) -> set[bytes]:
    return {_bytes(escape_as(value)) for escape_as in _ESCAPES}


def _encoded(raw: bytes) -> set[bytes]:
    found = {raw.hex().encode(), raw.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            encoded = encode(b"\0" * shift + raw)
            # Drop what mixes with the neighbours: their bits at the front, the padding's at the end.
            front = (shift * 8 + 5) // 6
            tail = (len(raw) + shift) % 3
            found.add(encoded[front : len(encoded) - (0 if tail == 0 else 4 - tail)])
    return found


def _core(value: bytes) -> bytes:
    """The longest run of letters and digits: it stands in every escaped form."""
    return max(_LETTERS.findall(value), key=len, default=b"")


@final
class Needles:
    """What must not come back in one answer, made ready to be searched for.

    Most answers hold nothing of it, so only what every search needs is made at once: the escaped forms have one core and
    one beginning.
    """

    __slots__ = ("_covered", "_heads", "_quick", "_starts", "_values", "longest")

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._values = tuple(value for secret in secrets if len(value := secret.reveal()) >= _SHORTEST)
        self._covered: tuple[bytes, ...] | None = None
        quick: set[bytes] = set()
        heads: set[bytes] = set()
        self.longest = 0
        for value in self._values:
            raw = _bytes(value)
            signature = _JWT.fullmatch(value)
            parts = [value] if signature is None else [value, signature[1]]
            core = _core(_bytes(parts[-1]))
            encoded = _encoded(raw)
            quick |= encoded
            for part in parts:
                if len(core) >= _SHORTEST and part[:4].isalnum() and part[:4].isascii():
                    heads.add(_bytes(part[:4]))
                    quick.add(core)
                else:
                    family = _escaped(part)
                    heads |= {form[:4] for form in family}
                    quick |= family
            heads |= {form[:4] for form in encoded}
            self.longest = max(self.longest, 2 * len(raw), _LONGEST_ESCAPE * len(_MARK.findall(value)) + len(raw))
        self._quick = tuple(form for form in quick if len(form) >= _SHORTEST)
        """A text without any of these holds no form: few searches where there are many forms."""
        self._heads = tuple(heads)
        """The first four bytes of all forms."""
        self._starts = tuple(frozenset(head[:size] for head in heads) for size in (1, 2, 3))

    @property
    def covered(self) -> tuple[bytes, ...]:
        """Every form, longest first."""
        if self._covered is None:
            forms: set[bytes] = set()
            for value in self._values:
                forms |= _escaped(value) | _encoded(_bytes(value))
                if signature := _JWT.fullmatch(value):
                    forms |= _escaped(signature[1])
            self._covered = tuple(sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True))
        return self._covered

    @property
    def quick(self) -> tuple[bytes, ...]:
        """A text without any of these holds no form; none is shorter than eight bytes."""
        return self._quick

    def __bool__(self) -> bool:
        return bool(self._values)

    def mask(self, text: bytes) -> bytes:
        """Cover every form with as many asterisks; the very same ``text`` when there is none."""
        for form in self._quick:
            if form in text:
                break
        else:
            return text
        for form in self.covered:
            if form in text:
                text = text.replace(form, b"*" * len(form))
        return text

    def begun(self, text: bytes) -> int:
        """How many bytes at the end of ``text`` may be the beginning of a form."""
        longest = 0
        start = max(0, len(text) - self.longest + 1)
        for head in self._heads:
            at = text.find(head, start)
            while at >= 0 and len(text) - at > longest:
                rest = text[at:]
                if any(form.startswith(rest) for form in self.covered):
                    longest = len(rest)
                    break
                at = text.find(head, at + 1)
        if longest < 4:
            for size in (3, 2, 1):
                if size > longest and text[-size:] in self._starts[size - 1]:
                    return size
        return longest

    def ended(self, text: bytes) -> int:
        """How many bytes at the beginning of ``text`` are the end of a form; fewer than eight don't count."""
        longest, first = 0, text[:_SHORTEST]
        for form in self.covered if len(first) == _SHORTEST else ():
            at = form.find(first, 1)
            while at >= 0:
                if text.startswith(form[at:]):
                    longest = max(longest, len(form) - at)
                    break
                at = form.find(first, at + 1)
        return longest


NO_NEEDLES = Needles(())
