"""Rules applied to what happens in missions: events in, firings out.

A pure function of the events told so far and their times: no I/O, no clock. What is remembered is bounded. Must not know:
requests, what a firing does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import final

from exeat.deviation.events import Event, Subject
from exeat.deviation.memory import Memory, memory_for
from exeat.deviation.rules import Rules
from exeat.model.deviation import Evidence, Firing, Rule, Then

_MISSIONS = 20_000
"""Missions remembered; the one that has shown nothing for longest is forgotten first."""


@final
class _Kept:
    """One rule and one mission: what the rule remembers, and when it last alerted."""

    __slots__ = ("_alerted", "_kept_back", "_memory", "_rule")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._memory: Memory = memory_for(rule)
        self._alerted: float | None = None
        self._kept_back = 0

    def notice(self, event: Event, now: float) -> tuple[int, Evidence] | None:
        """How often the rule held since it was last told of, and the newest evidence; None when nothing is to be told."""
        evidence = self._memory.notice(event, now)
        if evidence is None:
            return None
        if self._rule.then is Then.ALERT:
            if self._alerted is not None and now - self._alerted < self._rule.window:
                self._kept_back += 1
                return None
            self._alerted = now
        count, self._kept_back = self._kept_back + 1, 0
        return count, evidence


@final
class Watch:
    """The rules of one worker with all they remember. ``new_id`` names firings."""

    def __init__(self, written: Iterable[Rule], new_id: Callable[[], str]) -> None:
        self._rules = Rules(written)
        self._new_id = new_id
        self._missions: dict[str, dict[str, _Kept]] = {}

    def replace(self, written: Iterable[Rule]) -> None:
        """Go by other rules from now on; what the old ones remember is gone."""
        self._rules = Rules(written)
        self._missions.clear()

    def see(self, subject: Subject, event: Event, now: float) -> tuple[Firing, ...]:
        """Take an event in and return what fires now. ``now`` is monotonic."""
        chosen = self._rules.of(subject)
        firings: list[Firing] = []
        for kind in event.kinds:
            for rule in chosen[kind]:
                told = self._kept(subject.mission, rule).notice(event, now)
                if told is not None:
                    firings.append(self._firing(rule, subject, event, *told))
        if any(each.then is not Then.ALERT for each in firings):
            self.forget(subject.mission)  # what follows a suspension is counted anew
        return tuple(firings)

    def forget(self, mission: str) -> None:
        """Drop what is remembered of a mission."""
        self._missions.pop(mission, None)

    def __len__(self) -> int:
        return len(self._missions)

    def _kept(self, mission: str, rule: Rule) -> _Kept:
        by_rule = self._missions.pop(mission, None)
        if by_rule is None:
            by_rule = {}
            while len(self._missions) >= _MISSIONS:
                del self._missions[next(iter(self._missions))]
        self._missions[mission] = by_rule  # the newest last
        kept = by_rule.get(rule.name)
        if kept is None:
            kept = by_rule[rule.name] = _Kept(rule)
        return kept

    def _firing(self, rule: Rule, subject: Subject, event: Event, count: int, evidence: Evidence) -> Firing:
        return Firing(
            self._new_id(),
            rule.name,
            rule.when,
            rule.then,
            rule.cause,
            subject.mission,
            subject.spiffe_id,
            subject.environment,
            event.decision_id,
            count,
            evidence,
        )
