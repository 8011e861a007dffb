"""What no single field of a rule or a honeytoken can be blamed for.

Must not know: files, lines, environment variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exeat.config.listeners import Path, Problem
from exeat.config.settings import Settings
from exeat.config.tables.deviation import RuleTable
from exeat.model.deviation import When

_ONLY = {"count": When.REFUSALS, "codes": When.REFUSALS, "factor": When.BURST, "floor": When.BURST}
"""Fields that mean something for one kind of rule."""


def deviation_problems(settings: Settings) -> Iterator[Problem]:
    """Names that repeat or mean nothing, and fields of another kind of rule."""
    yield from _repeated("rule", [rule.name for rule in settings.rule])
    yield from _repeated("honeytoken", [token.name for token in settings.honeytoken])
    known = {
        "template": {template.name for template in settings.mission_template},
        "agent": {agent.name for agent in settings.agent},
        "environment": {agent.environment for agent in settings.agent},
    }
    for index, rule in enumerate(settings.rule):
        yield from _unfit(("rule", index), rule)
        for field, names in known.items():
            value = getattr(rule, field)
            if value is not None and value not in names:
                yield Problem(
                    ("rule", index, field),
                    f"there is no {field} {value!r}",
                    f"known: {', '.join(sorted(names))}" if names else "there is none yet",
                )


def _unfit(at: Path, rule: RuleTable) -> Iterator[Problem]:
    for field, when in _ONLY.items():
        if getattr(rule, field) not in (None, ()) and rule.when is not when:
            yield Problem((*at, field), f"means nothing where when is {str(rule.when)!r}", "remove it")


def _repeated(table: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Problem((table, index, "name"), f"there is another {table} {name!r}", "rename or remove one of them")
        seen.add(name)
