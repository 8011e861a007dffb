"""Several services at one host: each lies below paths of its own, as Google's do at www.googleapis.com.

No path belongs to two; one that belongs to none is the first service's, whose templates don't know it. Must not know: how hosts
are found, what a service does there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

Prefix = tuple[str, ...]
"""Decoded segments: a path lies below when it starts with them."""


@dataclass(frozen=True, slots=True)
class Sharing[T]:
    """Who lies where at one host; never empty."""

    places: tuple[tuple[Prefix, T], ...]

    def at(self, segments: Sequence[str]) -> T:
        """Whose a path is."""
        for prefix, found in self.places:
            if tuple(segments[: len(prefix)]) == prefix:
                return found
        return self.places[0][1]

    def beside(self, more: Sharing[T]) -> Sharing[T]:
        """Both together; raise ValueError when a path could be of two."""
        if any(_overlap(one, other) for (one, _), (other, _) in product(self.places, more.places)):
            raise ValueError("two services claim one path")
        return Sharing(self.places + more.places)


def prefix_of(path: str) -> Prefix:
    """A written path as segments."""
    return tuple(path[1:].split("/"))


def overlapping(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two services, by their written paths, could claim one path; without paths a service claims all."""
    return (
        not one
        or not other
        or any(_overlap(prefix_of(mine), prefix_of(theirs)) for mine, theirs in product(one, other))
    )


def _overlap(one: Prefix, other: Prefix) -> bool:
    shortest = min(len(one), len(other))
    return one[:shortest] == other[:shortest]
