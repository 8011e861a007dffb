"""The scope of an operation by its path, where a service says so once for many.

Worked out when the catalogue is compiled. Must not know: what a scope means to an issuer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from exeat.config.tables.service import ScopeTable

_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class _Rule:
    segments: tuple[str, ...]
    below: bool
    read: str
    write: str

    @classmethod
    def of(cls, given: ScopeTable) -> _Rule:
        return cls(_segments(given.path.removesuffix("/*")), given.path.endswith("/*"), given.read, given.write)

    @property
    def rank(self) -> tuple[int, bool, list[bool]]:
        """A longer path first, of two as long the one that ends there, then the one that names a segment."""
        return len(self.segments), not self.below, [bool(each) for each in self.segments]

    def fits(self, segments: Sequence[str]) -> bool:
        if len(self.segments) > len(segments) or (len(self.segments) < len(segments) and not self.below):
            return False
        return all(not want or want == has for want, has in zip(self.segments, segments, strict=False))


@final
class ScopesByPath:
    """The rules of one service, the most specific first."""

    def __init__(self, rules: Iterable[ScopeTable]) -> None:
        self._rules = sorted((_Rule.of(each) for each in rules), key=lambda each: each.rank, reverse=True)

    def of(self, methods: Sequence[str], template: str) -> str:
        """Return what the most specific rule says that has a word for these methods, or "" when none has."""
        segments, reads = _segments(template.partition("?")[0]), _READS.issuperset(methods)
        words = ((rule, rule.read if reads else rule.write) for rule in self._rules)
        return next((word for rule, word in words if word and rule.fits(segments)), "")


def _segments(path: str) -> tuple[str, ...]:
    """A path's segments, with "" for any that is in braces: no written one is empty."""
    return tuple("" if "{" in part else part for part in path.strip("/").split("/"))
