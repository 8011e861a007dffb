"""For what: missions, the templates they come from and the ceilings they stay below.

Must not know: storage, HTTP, Cedar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exeat.model.destination import DestinationPattern


class MissionState(StrEnum):
    """``open`` and ``suspended`` are live; the other three are final."""

    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def final(self) -> bool:
        """Whether a mission in this state can never act again."""
        return self in (MissionState.CLOSED, MissionState.EXPIRED, MissionState.REVOKED)


IDLE_LEAST = 1.0
"""Seconds; activity is told about twice a second, so less would be chance."""


def report_every(idle: float | None) -> float:
    """Seconds between two words of a mission's activity: a small part of its idle time."""
    return 1.0 if idle is None else min(5.0, max(0.25, idle / 8))


BUDGET_KINDS = ("requests", "writes", "bytes", "cost", "destinations")


@dataclass(frozen=True, slots=True)
class Budget:
    """What a mission may use up, all its agents and workers together; None is no bound.

    ``requests`` and ``writes`` (anything but reading) count permits, ``bytes`` what was sent and received, ``cost`` the
    units that operations cost, ``destinations`` the distinct host and port pairs it went to.
    """

    requests: int | None = None
    writes: int | None = None
    bytes: int | None = None
    cost: int | None = None
    destinations: int | None = None

    def bounds(self) -> Mapping[str, int]:
        """The kinds that are bounded, with their bounds."""
        every = {name: getattr(self, name) for name in BUDGET_KINDS}
        return {name: bound for name, bound in every.items() if bound is not None}

    def within(self, wider: Budget) -> Budget:
        """Return this budget, with what ``wider`` says for the kinds that it leaves open itself."""
        return Budget(**{**wider.bounds(), **self.bounds()})

    def beyond(self, wider: Budget) -> tuple[str, ...]:
        """Return the kinds of which this budget names more than ``wider`` allows."""
        allowed = wider.bounds()
        return tuple(kind for kind, bound in self.bounds().items() if bound > allowed.get(kind, bound))


@dataclass(frozen=True, slots=True)
class Mission:
    """One bounded task. Times are seconds since the epoch, UTC.

    ``operations`` are as written by whoever opened it (``example:refunds/create``, ``example:read``, ``example:*``,
    ``http:read``); the snapshot expands them. ``models`` are the only ones its calls to language models may name; empty
    is any. ``idle`` are seconds without a request after which it ends. ``parent`` is the mission that delegated to it:
    it is never wider, and ends with it. ``opened_by`` is who opened it, as the control plane authenticated them. ``cause`` says why it ended or was suspended, for machines; empty when somebody did it.
    """

    id: str
    environment: str
    agents: tuple[str, ...]
    destinations: tuple[DestinationPattern, ...]
    operations: tuple[str, ...]
    opened_at: float
    expires_at: float
    state: MissionState = MissionState.OPEN
    template: str = ""
    purpose: str = ""
    owner: str = ""
    ticket: str = ""
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    ended_at: float | None = None
    revision: int = 0
    models: tuple[str, ...] = ()
    idle: float | None = None
    budget: Budget = Budget()
    parent: str = ""
    cause: str = ""
    opened_by: str = ""


@dataclass(frozen=True, slots=True)
class MissionTemplate:
    """A mission written down in advance. ``ttl`` in seconds; empty ``agents`` means any agent of the environment.

    With ``on_request`` it opens by itself at the first request of one of its agents whose identity is proven.
    """

    name: str
    destinations: tuple[DestinationPattern, ...]
    operations: tuple[str, ...]
    ttl: float
    agents: tuple[str, ...] = ()
    purpose: str = ""
    owner: str = ""
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    idle: float | None = None
    budget: Budget = Budget()
    on_request: bool = False


@dataclass(frozen=True, slots=True)
class AllowedDestination:
    """One entry of the admins' ceiling. ``expires`` is the first second at which it no longer holds.

    ``id`` is that of the store; entries of the configuration have none. ``added_at`` and ``added_by`` say who put it there.
    """

    pattern: DestinationPattern
    owner: str
    reason: str
    expires: float
    ticket: str = ""
    id: str = ""
    added_by: str = ""
    added_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What no mission may exceed: destinations, operations (empty = any known one), the longest life in seconds, a budget.

    A mission that names no budget of a kind has the ceiling's.
    """

    destinations: tuple[AllowedDestination, ...]
    operations: tuple[str, ...]
    longest_life: float
    budget: Budget = Budget()
