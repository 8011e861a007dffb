"""The shapes of answers about destinations and about what goes on, for the description alone, as in ``answers``.

Must not know: how an answer is made.
"""

from __future__ import annotations

from typing import Literal

from exeat.admin.answers import AppliedShape, MissionShape, Shape, Time


class Destination(Shape):
    """An entry of the ceiling; ``id`` is null for those of the configuration."""

    id: str | None
    destination: str
    owner: str
    reason: str
    ticket: str
    expires_at: Time
    state: Literal["allowed", "expired", "removed"]
    source: Literal["configuration", "store"]
    added_by: str
    added_at: Time | None


class DestinationList(Shape):
    """Every entry, those of the configuration first."""

    destinations: list[Destination]


class DestinationRemoved(Destination):
    """An entry that was taken away."""

    applied: AppliedShape


class Worry(Shape):
    """A finding about an entry."""

    kind: Literal["unused", "shadowed", "expiring", "expired"]
    message: str


class DestinationLine(Destination):
    """An entry with its last use, its findings, and the live missions and templates that rely on it."""

    last_used_at: Time | None
    last_used_by: str
    last_mission: str
    findings: list[Worry]
    missions: list[str]
    templates: list[str]


class DestinationReport(Shape):
    """Every entry; ``findings`` counts them all."""

    unused_days: int
    expiring_days: int
    findings: int
    destinations: list[DestinationLine]


class Rates(Shape):
    """Per second, over the last ten seconds."""

    requests: float
    refusals: float


class WorkerLine(Shape):
    """A worker that reported lately."""

    worker: str
    connections: int
    tokens: dict[str, int]
    reported_ms_ago: int


class MissionLine(MissionShape):
    """A live mission with its counts since this process began, and what it has used of each budget it has."""

    requests: int
    refusals: int
    used: dict[str, int]


class Top(Shape):
    """What goes on now; ``refusals`` by code since this process began, ``approvals_pending`` null where nobody approves."""

    time: Time
    healthy: bool
    live_missions: int
    rates: Rates
    refusals: dict[str, int]
    approvals_pending: int | None
    workers: list[WorkerLine]
    missions: list[MissionLine]
