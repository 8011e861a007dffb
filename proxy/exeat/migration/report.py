"""What the counts say about each credential: who still sends the real one, how much, since when, and how it stands. Pure.

An agent *sends* ``both`` when it sent the real one after it first sent a placeholder, and ``nothing`` only when a day lies between
the real one and its last call without any: what might still be in use is said to be. Must not know: where counts come from, how they are
shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from exeat.model.credential_use import (
    DAY,
    CredentialAlert,
    CredentialTotal,
    CredentialUse,
    RegisteredCredential,
)

QUIET = ("placeholder", "none")
"""States of a request that brought nothing real."""
_MANAGED = frozenset({"shared", "retired"})
_TREND_DAYS = 7
_SCOPED = frozenset({"A", "B"})


class State(StrEnum):
    """How a credential stands."""

    IN_USE = "in_use"
    PLACEHOLDER_ONLY = "placeholder_only"
    SCOPED_TOKENS = "scoped_tokens"
    RETIRED = "retired"
    UNUSED = "unused"
    NEVER_SEEN = "never_seen"
    UNREGISTERED = "unregistered"


class Sends(StrEnum):
    """What an agent sends to the services of a credential."""

    REAL = "real"
    BOTH = "both"
    PLACEHOLDER = "placeholder"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Known:
    """What a report is made from: ``since`` is the first day of the period, since the epoch."""

    now: float
    since: int
    registered: Sequence[RegisteredCredential]
    uses: Sequence[CredentialUse]
    totals: Sequence[CredentialTotal]
    alerts: Sequence[CredentialAlert]


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent's calls in the period; ``missions`` are those in which it sent the real one."""

    agent: str
    sends: Sends
    real: int
    placeholder: int
    none: int
    last_real_at: float | None
    last_at: float
    missions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One credential. ``calls`` are by state, in the period; ``days`` say (day, real, placeholder, none)."""

    fingerprint: str
    state: State
    registered: RegisteredCredential | None
    services: tuple[str, ...]
    grade_now: str
    seen: Sequence[tuple[str, str, int]]
    calls: Mapping[str, int]
    first_at: float | None
    last_at: float | None
    agents: Sequence[AgentLine]
    days: Sequence[tuple[int, int, int, int]]
    trend: str
    alerts: int

    @property
    def real(self) -> int:
        """Calls that brought it."""
        return sum(count for state, count in self.calls.items() if state not in QUIET)

    @property
    def share(self) -> float | None:
        """Of all calls of its services the part that brought it."""
        total = sum(self.calls.values())
        return self.real / total if total else None

    @property
    def senders(self) -> tuple[AgentLine, ...]:
        """The agents that have to be moved."""
        return tuple(each for each in self.agents if each.sends in (Sends.REAL, Sends.BOTH))

    @property
    def urgent(self) -> bool:
        """Whether somebody has to act now: nobody registered it, or it is retired and still sent or needed."""
        stranger = self.state is State.UNREGISTERED and self.real > 0
        return stranger or (self.state is State.RETIRED and (bool(self.senders) or self.blocked))

    @property
    def was_replaced(self) -> bool:
        """Whether it is only the value before the one that is kept now."""
        return self.registered is not None and self.registered.replaced

    @property
    def blocked(self) -> bool:
        """Whether it is retired while its services have no other way, and are called: every such call is refused."""
        kept = self.registered is not None and self.registered.kept
        return self.state is State.RETIRED and kept and any(self.calls.get(state) for state in QUIET)


def report(known: Known) -> list[Line]:
    """Return a line for each credential that is registered, was once, or was brought in the period though it never was."""
    registered = {each.fingerprint: each for each in known.registered}
    services: dict[str, set[str]] = defaultdict(set)
    once: set[str] = set()
    for total in known.totals:
        if total.fingerprint:
            services[total.fingerprint].add(total.service)
            if total.state in _MANAGED:
                once.add(total.fingerprint)
    brought: dict[str, list[CredentialUse]] = defaultdict(list)
    instead: dict[str, list[CredentialUse]] = defaultdict(list)
    for use in known.uses:
        if use.sight.state in QUIET:
            instead[use.sight.service].append(use)
        elif use.sight.fingerprint:
            brought[use.sight.fingerprint].append(use)
    lines = []
    for name in [*registered, *sorted((once | set(brought)) - set(registered))]:
        entry = registered.get(name)
        at = tuple(sorted(services[name])) if entry is None else entry.services
        # What came instead of it says something only of a credential that is or was one of ours.
        quiet = [use for each in at for use in instead[each]] if entry is not None or name in once else []
        lines.append(_line(name, entry, at, brought[name], quiet, known, managed=entry is not None or name in once))
    return lines


def _line(
    name: str,
    entry: RegisteredCredential | None,
    services: tuple[str, ...],
    real: Sequence[CredentialUse],
    quiet: Sequence[CredentialUse],
    known: Known,
    *,
    managed: bool,
) -> Line:
    totals = [total for total in known.totals if total.fingerprint == name]
    calls: Counter[str] = Counter()
    for use in (*real, *quiet):
        calls[use.sight.state] += use.count
    agents = _agents(real, quiet)
    days = _days(real, quiet)
    newest = max((*real, *quiet), key=lambda use: use.last_at, default=None)
    line = Line(
        name,
        State.UNREGISTERED,
        entry,
        services,
        "" if newest is None or newest.sight.grade == "none" else newest.sight.grade,
        _seen(real),
        dict(calls),
        min((total.first_at for total in totals), default=None),
        max((total.last_at for total in totals), default=None),
        agents,
        days,
        _trend(days, int(known.now // DAY)),
        sum(alert.count for alert in known.alerts if alert.fingerprint == name),
    )
    return replace(line, state=_state(line, entry, known)) if managed else line


def _state(line: Line, entry: RegisteredCredential | None, known: Known) -> State:
    if entry is None or (entry.retire_by is not None and known.now >= entry.retire_by):
        return State.RETIRED
    if line.senders:
        return State.IN_USE
    if any(line.calls.get(state) for state in QUIET):
        return State.SCOPED_TOKENS if line.grade_now in _SCOPED else State.PLACEHOLDER_ONLY
    return State.NEVER_SEEN if line.last_at is None else State.UNUSED


def _agents(real: Iterable[CredentialUse], quiet: Iterable[CredentialUse]) -> list[AgentLine]:
    by_agent: dict[str, tuple[list[CredentialUse], list[CredentialUse]]] = defaultdict(lambda: ([], []))
    for use in real:
        by_agent[use.sight.agent][0].append(use)
    for use in quiet:
        by_agent[use.sight.agent][1].append(use)
    return [_agent(agent, *both) for agent, both in sorted(by_agent.items())]


def _agent(agent: str, real: Sequence[CredentialUse], quiet: Sequence[CredentialUse]) -> AgentLine:
    counts: Counter[str] = Counter()
    for use in quiet:
        counts[use.sight.state] += use.count
    last_real = max((use.last_at for use in real), default=None)
    return AgentLine(
        agent,
        _sends(last_real, quiet),
        sum(use.count for use in real),
        counts["placeholder"],
        counts["none"],
        last_real,
        max(use.last_at for use in (*real, *quiet)),
        tuple(sorted({use.sight.mission for use in real if use.sight.mission})),
    )


def _sends(last_real: float | None, quiet: Sequence[CredentialUse]) -> Sends:
    placeholder = min((use.first_at for use in quiet if use.sight.state == "placeholder"), default=None)
    if placeholder is not None:
        return Sends.BOTH if last_real is not None and last_real >= placeholder else Sends.PLACEHOLDER
    # Many services have calls that need no credential: one without any doesn't say that the real one is gone.
    last = max((use.last_at for use in quiet), default=0.0)
    return Sends.NOTHING if last_real is None or last - last_real >= DAY else Sends.REAL


def _seen(real: Iterable[CredentialUse]) -> list[tuple[str, str, int]]:
    """(kind of place, host, calls), most calls first."""
    where: Counter[tuple[str, str]] = Counter()
    for use in real:
        where[use.sight.place, use.sight.host] += use.count
    return [
        (place, host, count) for (place, host), count in sorted(where.items(), key=lambda each: (-each[1], each[0]))
    ]


def _days(real: Iterable[CredentialUse], quiet: Iterable[CredentialUse]) -> list[tuple[int, int, int, int]]:
    rows: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for use in real:
        rows[use.sight.day][0] += use.count
    for use in quiet:
        rows[use.sight.day][1 if use.sight.state == "placeholder" else 2] += use.count
    return [(day, row[0], row[1], row[2]) for day, row in sorted(rows.items())]


def _trend(days: Iterable[tuple[int, int, int, int]], today: int) -> str:
    """The real one's calls of the last seven days, today among them, beside those of the seven before."""
    newer = older = 0
    for day, real, *_ in days:
        if today - _TREND_DAYS < day:
            newer += real
        elif today - 2 * _TREND_DAYS < day:
            older += real
    if newer == older:
        return "steady" if newer else "none"
    return "rising" if newer > older else "falling"
