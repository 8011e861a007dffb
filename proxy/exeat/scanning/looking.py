"""Secrets in one text: where, of which kind, and so much of each as tells nothing.

Must not know: where the text comes from.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import final

from exeat.scanning.rules import COMPILED, HINTS, LOOSE
from exeat.services.shapes import OURS

_RANDOM = 3.2
"""Bits a character (Shannon) of the value itself; words and paths have less, keys of twenty characters and more have more."""
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
ADVICE = {
    "registered": "a shared credential that Exeat keeps: take it out here, the placeholder of the mission does the same",
    "private key": "move it where the agent's user can't read it, and replace it: it may have been read",
    "": "replace it by the placeholder that the mission returns, then revoke it at the vendor: it may have been read",
}


@dataclass(frozen=True, slots=True)
class Find:
    """One secret: the offset in its text and the line (from 1), what it is, its beginning and its length."""

    offset: int
    line: int
    kind: str
    preview: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE.get(self.kind.partition(" of ")[0], ADVICE[""])


Registered = Callable[[bytes], Iterator[tuple[int, int, str]]]
"""(text) → (offset, length, service) of every shared credential in it."""


@final
@dataclass(slots=True)
class Looker:
    """Looks through texts; ``is_pass`` tells a pass of ours from other tokens. ``ours`` counts placeholders and passes."""

    is_pass: Callable[[str], bool]
    registered: Registered | None = None
    ours: int = field(default=0, init=False)

    def look(self, text: bytes) -> list[Find]:
        """Every secret in a text, in order, each once."""
        taken: list[tuple[int, int]] = []
        found: list[Find] = []
        if self.registered is not None:
            for start, size, service in self.registered(text):
                if _overlaps(taken, start, start + size):
                    continue
                self._add(found, taken, text, start, start + size, f"registered credential of {service}", 0)
        for (rule, pattern), (_, hints) in zip(COMPILED, HINTS, strict=True):
            if hints and not any(hint in text for hint in hints):
                continue
            for match in pattern.finditer(text):
                group = "value" if "value" in pattern.groupindex else 0
                start, end = match.span(group)
                value = match[group].decode("latin-1")
                if _overlaps(taken, start, end):
                    continue
                if self._is_ours(value):
                    taken.append((start, end))
                    self.ours += 1
                elif rule.kind not in LOOSE or _looks_random(value):
                    self._add(found, taken, text, start, end, rule.kind, rule.shown)
        return sorted(found, key=lambda find: find.offset)

    def _is_ours(self, value: str) -> bool:
        if OURS.search(value) or value.startswith("exeat1~"):
            return True
        return _TOKEN.fullmatch(value) is not None and self.is_pass(value)

    @staticmethod
    def _add(
        found: list[Find], taken: list[tuple[int, int]], text: bytes, start: int, end: int, kind: str, shown: int
    ) -> None:
        preview = f"{text[start : start + shown].decode('latin-1')}… ({end - start} characters)"
        taken.append((start, end))
        found.append(Find(start, text.count(b"\n", 0, start) + 1, kind, preview))


def _overlaps(taken: list[tuple[int, int]], start: int, end: int) -> bool:
    return any(start < other_end and other < end for other, other_end in taken)


def _looks_random(value: str) -> bool:
    counts = Counter(value)
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return bits >= _RANDOM and any(map(str.isdigit, value)) and any(map(str.isalpha, value))
