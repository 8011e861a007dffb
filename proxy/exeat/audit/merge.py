"""Many chains read as one, in time order, with only the chains open that have a part in the present.

Must not know: files, records' meaning.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from exeat.model.record import Record


@dataclass(frozen=True, slots=True)
class Source:
    """One chain: the time of the first record it will yield, or an earlier bound, and how to start reading it."""

    start: str
    read: Callable[[], Iterator[Record]]


def merge(sources: Sequence[Source], *, newest_first: bool = False) -> Iterator[Record]:
    """Yield every source's records by ``time``; a source's own order is kept even where its clock went back."""
    waiting = sorted(sources, key=lambda source: source.start, reverse=not newest_first)  # the next one is at the end
    heap: list[tuple[_Key, int, Record, Iterator[Record]]] = []
    opened = 0
    while waiting or heap:
        while waiting and (not heap or _Key(waiting[-1].start, newest_first) <= heap[0][0]):
            records = waiting.pop().read()
            if (first := next(records, None)) is not None:
                heapq.heappush(heap, (_Key(_time(first), newest_first), opened, first, records))
                opened += 1
        if heap:
            _, order, record, records = heap[0]
            yield record
            following = next(records, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (_Key(_time(following), newest_first), order, following, records))


@dataclass(frozen=True, slots=True)
class _Key:
    time: str
    newest_first: bool

    def __lt__(self, other: _Key) -> bool:
        return self.time > other.time if self.newest_first else self.time < other.time

    def __le__(self, other: _Key) -> bool:
        return not other < self


def _time(record: Record) -> str:
    time = record.get("time")
    return time if isinstance(time, str) else ""
