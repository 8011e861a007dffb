"""What one process counts: plain numbers, added where things happen and read when somebody asks.

No library stands on the request's way: adding is one dictionary entry. What is read is a mapping from a metric's name to
its numbers by label values, so that the counts of several processes can be sent and added. Must not know: what is counted,
how it is shown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

Labels = tuple[str, ...]
Counts = Mapping[str, Mapping[Labels, float]]
"""A metric's name → its label values, in its own order → a number."""

LATEST = frozenset({
    "exeat_active_missions", "exeat_audit_last_append_timestamp_seconds", "exeat_ca_expiry_timestamp_seconds",
    "exeat_policy_bundle_info", "exeat_credential_oldest_seconds",
})  # fmt: skip
"""Of these the largest of several processes counts; all others are added."""


@final
class Counter:
    """A number for each combination of label values; whoever adds sees to it that there are few."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[Labels, int] = {}

    def add(self, labels: Labels) -> None:
        """Count one."""
        self.values[labels] = self.values.get(labels, 0) + 1


@final
class Durations:
    """How long things took: for each combination of label values how many ended below each bound, in seconds."""

    __slots__ = ("_bounds", "_rows")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._rows: dict[Labels, list[float]] = {}

    def add(self, labels: Labels, seconds: float) -> None:
        """Count one."""
        row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = [0] * (len(self._bounds) + 2)  # one beyond the last bound, and the sum
        row[bisect_left(self._bounds, seconds)] += 1
        row[-1] += seconds

    def read(self, name: str) -> Counts:
        """``<name>_bucket``, each bucket by itself with its bound as the last label, and ``<name>_sum``."""
        bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        buckets = {
            (*labels, bound): number
            for labels, row in self._rows.items()
            for bound, number in zip(bounds, row, strict=False)
        }
        return {f"{name}_bucket": buckets, f"{name}_sum": {labels: row[-1] for labels, row in self._rows.items()}}


def merge(each: Iterable[Counts]) -> dict[str, dict[Labels, float]]:
    """Return the counts of several processes as one."""
    total: dict[str, dict[Labels, float]] = {}
    for counts in each:
        for name, values in counts.items():
            row = total.setdefault(name, {})
            for labels, number in values.items():
                known = row.get(labels, 0)
                row[labels] = max(known, number) if name in LATEST else known + number
    return total


def to_wire(counts: Counts) -> dict[str, Any]:
    """As JSON values."""
    return {name: [[list(labels), number] for labels, number in values.items()] for name, values in counts.items()}


def from_wire(said: Mapping[str, Any]) -> Counts:
    """From them."""
    return {name: {tuple(labels): number for labels, number in values} for name, values in said.items()}
