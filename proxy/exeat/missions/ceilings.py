"""What no mission may exceed. Pure: a list of findings, empty when the mission stays below.

Must not know: who asks, whether a template was used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exeat.missions.errors import FieldError
from exeat.missions.times import rfc3339
from exeat.model.destination import DestinationPattern
from exeat.model.mission import Ceilings, Mission

Expand = Callable[[str], frozenset[str] | None]
"""An operation as written to the set of actions it means; None when no service knows it."""

_ROUNDING = 0.001
"""Seconds that adding a life to a time since the epoch may be off by; far less than anybody could use."""


def check(mission: Mission, ceilings: Ceilings, now: float, expand: Expand) -> list[FieldError]:
    """Return everything in which a mission would exceed the ceilings at ``now``."""
    findings = _life(mission, ceilings, now)
    for index, pattern in enumerate(mission.destinations):
        findings += _destination(f"destinations[{index}]", pattern, mission, ceilings, now)
    beyond = outside(mission.operations, ceilings.operations, expand) if ceilings.operations else ()
    for index, operation in enumerate(mission.operations):
        if expand(operation) is None:
            findings.append(FieldError(f"operations[{index}]", f"no service knows {operation!r}"))
        elif operation in beyond:
            findings.append(FieldError(f"operations[{index}]", f"[ceilings] doesn't allow {operation!r}"))
    allowed = ceilings.budget.bounds()
    for kind in mission.budget.beyond(ceilings.budget):
        findings.append(FieldError(f"budget.{kind}", f"[ceilings] allows {allowed[kind]}"))
    return findings


def outside(wanted: Sequence[str], allowed: Sequence[str], expand: Expand) -> tuple[str, ...]:
    """Return those of ``wanted`` that mean any action which ``allowed`` doesn't; unknown ones are always outside."""
    covered = frozenset[str]().union(*(expand(operation) or frozenset() for operation in allowed))
    return tuple(operation for operation in wanted if (actions := expand(operation)) is None or not actions <= covered)


def _life(mission: Mission, ceilings: Ceilings, now: float) -> list[FieldError]:
    life = mission.expires_at - mission.opened_at
    if not mission.expires_at > now:  # also when it is NaN
        return [FieldError("ttl", "a mission has to end in the future")]
    if not life <= ceilings.longest_life + _ROUNDING:
        return [FieldError("ttl", f"{life:.0f}s is longer than [ceilings] longest_life, {ceilings.longest_life:.0f}s")]
    return []


def _destination(
    field: str, pattern: DestinationPattern, mission: Mission, ceilings: Ceilings, now: float
) -> list[FieldError]:
    covering = [entry.expires for entry in ceilings.destinations if pattern.within(entry.pattern)]
    if not covering:
        return [FieldError(field, f"no [[destination]] allows {pattern}")]
    until = max(covering)
    if until <= now:
        return [FieldError(field, f"the [[destination]] for {pattern} expired at {rfc3339(until)}")]
    if mission.expires_at > until:
        return [FieldError(field, f"the [[destination]] for {pattern} ends at {rfc3339(until)}, before the mission")]
    return []
