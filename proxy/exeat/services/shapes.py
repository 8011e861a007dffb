"""Placeholders in a vendor's form, where its SDKs or people's habits check one: ``ghp_{36}``, ``xoxb-{12:digits}-{24}``.

A template is text with runs of derived characters. The first run that can hold it begins with a mark, so that whoever finds
such a value sees whose it is, without any key. Must not know: services, agents, what a placeholder stands for.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import string

_ALPHABETS = {
    "": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase + "234567",
    "lower": string.ascii_lowercase + string.digits,
    "hex": "0123456789abcdef",
    "digits": string.digits,
}
_MARKS = {"": "exeat", "lower": "exeat", "upper": "EXEAT", "hex": "e8ea7e8ea7"}
"""No digits could be told from others."""
_RUN = re.compile(r"\{([1-9][0-9]{0,2})(?::([a-z]+))?\}")
_LEAST = 16
"""Characters of a run that holds the mark."""
_BITS = 96
"""That must be left to chance: a placeholder may be shown as a proof of identity, so nobody may guess one."""
OURS = re.compile(r"exeat[-_]|(?:[_-]|AIza|\bsk_test_)exeat|AKIAEXEAT|e8ea7e8ea7")
"""What is in every placeholder of ours, whatever its form, and in no key of a vendor's but by an improbable chance."""


def check(template: str) -> str:
    """What is wrong with a template, or ``""``."""
    runs = _runs(template)
    if not re.fullmatch(r"[!-z|~]*", _RUN.sub("", template)):
        return "write the vendor's text and runs like {36}, {24:lower}, {32:hex}, {16:upper} or {12:digits}"
    if any(kind not in _ALPHABETS for _, kind in runs):
        return f"a run is of one of: {', '.join(filter(None, _ALPHABETS))}"
    at = _marked(runs)
    if at is None:
        return f"one run has to have {_LEAST} characters that aren't only digits, so that it can be told as ours"
    bits = sum(size * math.log2(len(_ALPHABETS[kind])) for size, kind in runs)
    bits -= len(_MARKS[runs[at][1]]) * math.log2(len(_ALPHABETS[runs[at][1]]))
    return "" if bits >= _BITS else "the runs are so short that somebody could guess one"


def fill(template: str, key: bytes, about: str) -> str:
    """The placeholder about something: the same for the same key and thing, and not to be guessed from another one."""
    stream = _Stream(key, about)
    marked = _marked(_runs(template))
    number = -1

    def run(match: re.Match[str]) -> str:
        nonlocal number
        number += 1
        kind = match[2] or ""
        mark = _MARKS[kind] if number == marked else ""
        return mark + stream.take(int(match[1]) - len(mark), _ALPHABETS[kind])

    return _RUN.sub(run, template)


def _runs(template: str) -> list[tuple[int, str]]:
    return [(int(match[1]), match[2] or "") for match in _RUN.finditer(template)]


def _marked(runs: list[tuple[int, str]]) -> int | None:
    return next((at for at, (size, kind) in enumerate(runs) if size >= _LEAST and kind in _MARKS), None)


class _Stream:
    """As many unbiased characters as are asked for, from HMAC in counter mode (NIST SP 800-108r1 §4.1)."""

    def __init__(self, key: bytes, about: str) -> None:
        self._key, self._about = key, about.encode()
        self._counter = 0
        self._bytes = b""

    def take(self, count: int, alphabet: str) -> str:
        """The next characters of an alphabet."""
        fair = 256 - 256 % len(alphabet)
        found: list[str] = []
        while len(found) < count:
            if not self._bytes:
                self._counter += 1
                block = self._counter.to_bytes(4, "big") + self._about
                self._bytes = hmac.digest(self._key, block, hashlib.sha256)
            byte, self._bytes = self._bytes[0], self._bytes[1:]
            if byte < fair:
                found.append(alphabet[byte % len(alphabet)])
        return "".join(found)
