"""What each kind of rule remembers of one mission, bounded: told of an event, it says whether the rule holds, and on what evidence.

Must not know: what a firing does, other missions.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Protocol, final

from exeat.deviation.burst import Burst
from exeat.deviation.events import OWN_DOING, Event
from exeat.model.deviation import Evidence, Rule, When

_SHOWN = 10
"""Ids and destinations that evidence names at most; the records of the decisions have them all."""
_DESTINATIONS = 64
"""Unlisted destinations that are remembered; who tries more is told of by its refusals."""


class Memory(Protocol):
    """What a rule remembers of one mission."""

    def notice(self, event: Event, now: float) -> Evidence | None:
        """Take an event in; the evidence when the rule holds now, else None. ``now`` is monotonic."""
        ...


def memory_for(rule: Rule) -> Memory:
    """Nothing remembered yet."""
    return _KINDS.get(rule.when, _Each)(rule)


@final
class _Each:
    """Holds at every event."""

    def __init__(self, _: Rule) -> None:
        pass

    def notice(self, event: Event, _: float) -> Evidence | None:
        return _of(event)


@final
class _Refusals:
    """Holds when the newest refusals, as many as it takes, lie within one window."""

    def __init__(self, rule: Rule) -> None:
        self._codes = rule.codes or OWN_DOING
        self._window = rule.window
        self._newest: deque[tuple[float, Event]] = deque(maxlen=rule.count)

    def notice(self, event: Event, now: float) -> Evidence | None:
        if event.code not in self._codes:
            return None
        self._newest.append((now, event))
        if len(self._newest) < (self._newest.maxlen or 0) or now - self._newest[0][0] >= self._window:
            return None
        events = [each for _, each in self._newest]
        self._newest.clear()
        places = list(dict.fromkeys(each.destination for each in events if each.destination))
        return {
            "codes": dict(Counter(str(each.code) for each in events)),
            "decisions": [each.decision_id for each in events[-_SHOWN:]],
            "destinations": places[-_SHOWN:],
        }


@final
class _Writes:
    """Holds when there are more than the floor, and many times more than usual."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._burst = Burst(rule.window)

    def notice(self, event: Event, now: float) -> Evidence | None:
        writes, usual = self._burst.add(now)
        if writes <= self._rule.floor or writes <= self._rule.factor * usual:
            return None
        return {**_of(event), "writes": writes, "usual": round(usual, 1), "seconds": self._rule.window}


@final
class _Destinations:
    """Holds at the first attempt at each destination."""

    def __init__(self, _: Rule) -> None:
        self._tried: set[str] = set()

    def notice(self, event: Event, _: float) -> Evidence | None:
        if event.destination in self._tried or len(self._tried) >= _DESTINATIONS:
            return None
        self._tried.add(event.destination)
        return _of(event)


_KINDS: Mapping[When, Callable[[Rule], Memory]] = {
    When.REFUSALS: _Refusals,
    When.BURST: _Writes,
    When.UNLISTED: _Destinations,
}
"""Those that remember something; any other holds at every event."""


def _of(event: Event) -> dict[str, str]:
    found = dict(event.evidence)
    if event.code is not None:
        found["code"] = str(event.code)
    if event.destination:
        found["destination"] = event.destination
    return found
