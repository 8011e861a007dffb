"""Which rules are in force: the built-in ones, unless one of the site's has the same name, and the site's.

Must not know: events, what a rule remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from exeat.deviation.events import Subject
from exeat.model.deviation import Rule, Then, When

BUILT_IN = (
    Rule("model-pin", When.MODEL, Then.REVOKE),
    Rule("honeytoken", When.HONEYTOKEN, Then.REVOKE),
    Rule("secret-in-body", When.SECRET, Then.REVOKE),
    Rule("agent-changed", When.AGENT, Then.REVOKE),
    Rule("refusals", When.REFUSALS, Then.SUSPEND, window=60.0, count=30),
    Rule("write-burst", When.BURST, Then.SUSPEND, window=10.0, factor=5.0, floor=100),
    Rule("unlisted-destination", When.UNLISTED, Then.ALERT),
    Rule("foreign-credential", When.FOREIGN, Then.ALERT),
    Rule("identity-conflict", When.CONFLICT, Then.ALERT),
)
"""What always holds. A site makes one milder or harder by writing a rule of its name."""

_CHOICES = 4096
"""Combinations of template, environment and agent whose rules are kept ready."""

Chosen = Mapping[When, tuple[Rule, ...]]


def in_force(written: Iterable[Rule]) -> tuple[Rule, ...]:
    """All rules, those of a site in place of built-in ones of the same name."""
    by_name = {rule.name: rule for rule in BUILT_IN}
    by_name.update((rule.name, rule) for rule in written)
    return tuple(by_name.values())


@final
class Rules:
    """The rules in force, and which of them are about whom."""

    def __init__(self, written: Iterable[Rule]) -> None:
        self._rules = in_force(written)
        self._chosen: dict[tuple[str, str, str], Chosen] = {}

    def of(self, subject: Subject) -> Chosen:
        """The rules about a subject, by what they watch for."""
        key = (subject.template, subject.environment, subject.agent)
        chosen = self._chosen.get(key)
        if chosen is None:
            if len(self._chosen) >= _CHOICES:
                self._chosen.clear()
            fitting = [rule for rule in self._rules if _is_about(rule, subject)]
            chosen = {when: tuple(rule for rule in fitting if rule.when is when) for when in When}
            self._chosen[key] = chosen
        return chosen


def _is_about(rule: Rule, subject: Subject) -> bool:
    return (
        rule.template in ("", subject.template)
        and rule.environment in ("", subject.environment)
        and rule.agent in ("", subject.agent)
    )
