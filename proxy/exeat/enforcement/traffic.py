"""Counts what a worker records, for whoever looks: how much was permitted and refused, who went where last, with what credential.

Stands between the gate and the audit log, and counts only what was written. Bounded between two reports. Must not know:
who asks for the figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import final

from exeat.enforcement.sightings import Sightings
from exeat.model.record import Record, RecordKind
from exeat.model.traffic import Traffic, Use
from exeat.ports import AuditSink, Clock

_PLACES = 10_000
"""Places remembered between two reports, a second apart; more can't be reached in that time."""


@final
class TrafficCount:
    """An ``AuditSink`` that counts. Single-threaded: everything happens on the worker's loop."""

    def __init__(
        self, audit: AuditSink, clock: Clock, worker: str = "w0", holders: Container[str] = frozenset()
    ) -> None:
        self.sightings = Sightings(holders)
        self._audit = audit
        self._clock = clock
        self._worker = worker
        self._permitted: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._places: dict[tuple[str, int], tuple[float, str, str]] = {}

    def append(self, record: Record) -> None:
        """Write a record, then count it; raise as the log does."""
        self._audit.append(record)
        if record["kind"] is not RecordKind.DECISION:
            return
        now = self._clock.time()
        self.sightings.see(record, now)
        if record["decision"] == "permit":
            self._permitted[record["mission"]] += 1
            place = record["host"], record["port"]
            if place in self._places or len(self._places) < _PLACES:
                self._places[place] = now, record["agent"], record["mission"]
        else:
            self._refused[record["mission"]] += 1
            self._reasons[str(record["code"])] += 1

    def take(self, connections: int, tokens: Mapping[str, int]) -> Traffic:
        """Return the figures since the last call."""
        traffic = Traffic(
            worker=self._worker,
            at=self._clock.time(),
            connections=connections,
            permitted=dict(self._permitted),
            refused=dict(self._refused),
            reasons=dict(self._reasons),
            uses=tuple(Use(host, port, *seen) for (host, port), seen in self._places.items()),
            tokens=tokens,
            credentials=self.sightings.take(),
        )
        self._permitted.clear()
        self._refused.clear()
        self._reasons.clear()
        self._places.clear()
        return traffic
