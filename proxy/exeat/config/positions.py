"""Where each key of a TOML text stands, so that a finding can point at its line.

``tomllib`` gives values without positions; this scanner gives positions without values. It is tolerant: whatever it
doesn't understand it skips, and it never raises, so a wrong position is the worst it can do (a wrong value never
comes from here). Must not know: settings, meanings, files.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
"""A place in the document: ``("service", 0, "operation", 2, "group")``."""

_DEPTH = 64
"""Nested arrays and inline tables followed; deeper ones are passed over. Python's own reader stops near 300."""
_SPACE = re.compile(r"(?:[ \t]|\r?\n|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n\r]*")
_LINE = re.compile(r"[^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Positions:
    """Line and column, both from 1, of every key and array element of one document."""

    places: Mapping[Path, tuple[int, int]]

    def find(self, path: Path) -> tuple[int, int]:
        """The position of ``path``, or of the nearest table around it; (0, 0) when not even its first part is there."""
        for length in range(len(path), 0, -1):
            place = self.places.get(path[:length])
            if place is not None:
                return place
        return (0, 0)


def positions(text: str) -> Positions:
    """Scan a TOML text. Never raises, whatever the text is."""
    scan = _Scan(text, [0, *(match.end() for match in re.finditer("\n", text))])
    scan.document()
    return Positions(scan.places)


def _unquote(raw: str) -> str:
    if not raw.startswith(('"', "'")):
        return raw
    try:
        return str(tomllib.loads(f"k={raw}")["k"])
    except tomllib.TOMLDecodeError:
        return raw[1:-1]


@dataclass(slots=True)
class _Scan:
    text: str
    lines: list[int]
    at: int = 0
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)
    """How many ``[[tables]]`` of each name were seen."""

    def note(self, path: Path, offset: int) -> None:
        line = bisect_right(self.lines, offset)
        self.places.setdefault(path, (line, offset - self.lines[line - 1] + 1))

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def take(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_SPACE)
            start = self.at
            if start >= len(self.text):
                return
            if self.take("[["):
                table = self.header(start, array=True)
            elif self.take("["):
                table = self.header(start, array=False)
            else:
                self.pair(table, 0)
            self.skip(_LINE)

    def key(self) -> list[tuple[str, int]]:
        """A dotted key: its parts with their offsets; empty when there is none here."""
        parts: list[tuple[str, int]] = []
        while True:
            self.skip(_BLANK)
            start = self.at
            raw = self.skip(_BARE) or self.skip(_STRING)
            if not raw:
                return parts
            parts.append((_unquote(raw), start))
            self.skip(_BLANK)
            if not self.take("."):
                return parts

    def header(self, start: int, *, array: bool) -> Path:
        parts = self.key()
        path: Path = ()
        for index, (part, _) in enumerate(parts):
            path = (*path, part)
            if array and index == len(parts) - 1:
                self.note(path, start)
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
            self.note(path, start)
        return path

    def pair(self, table: Path, depth: int) -> bool:
        parts = self.key()
        path = table
        for part, offset in parts:
            path = (*path, part)
            self.note(path, offset)
        self.skip(_BLANK)
        if not parts or not self.take("="):
            return False
        self.skip(_BLANK)
        self.value(path, depth)
        return True

    def value(self, path: Path, depth: int) -> None:
        if depth > _DEPTH:
            self.skip(_LINE)
        elif self.take("["):
            self.array(path, depth + 1)
        elif self.take("{"):
            self.inline(path, depth + 1)
        elif not self.skip(_STRING):
            self.skip(_SCALAR)

    def array(self, path: Path, depth: int) -> None:
        index = 0
        while True:
            self.skip(_SPACE)
            start = self.at
            if start >= len(self.text) or self.take("]"):
                return
            self.note((*path, index), start)
            self.value((*path, index), depth)
            self.skip(_SPACE)
            index += 1
            if not self.take(",") and self.at == start:
                return

    def inline(self, path: Path, depth: int) -> None:
        while True:
            self.skip(_SPACE)
            start = self.at
            if start >= len(self.text) or self.take("}"):
                return
            self.pair(path, depth)
            self.skip(_SPACE)
            if not self.take(",") and self.at == start:
                return
