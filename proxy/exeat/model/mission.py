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


@dataclass(frozen=True, slots=True)
class Mission:
    """One bounded task. Times are seconds since the epoch, UTC.

    ``operations`` are as written by whoever opened it (``example:refunds/create``, ``example:read``, ``example:*``,
    ``http:read``); the snapshot expands them.
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


@dataclass(frozen=True, slots=True)
class MissionTemplate:
    """A mission written down in advance. ``ttl`` in seconds; empty ``agents`` means any agent of the environment."""

    name: str
    destinations: tuple[DestinationPattern, ...]
    operations: tuple[str, ...]
    ttl: float
    agents: tuple[str, ...] = ()
    purpose: str = ""
    owner: str = ""
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AllowedDestination:
    """One entry of the admins' ceiling. ``expires`` is the first second at which it no longer holds."""

    pattern: DestinationPattern
    owner: str
    reason: str
    expires: float


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What no mission may exceed: destinations, operations (empty = any known one) and the longest life in seconds."""

    destinations: tuple[AllowedDestination, ...]
    operations: tuple[str, ...]
    longest_life: float
