"""Where a mission may go at this moment: its own destinations, as long as an admin's ceiling still covers them.

Must not know: names' spelling, DNS, operations.
"""

from __future__ import annotations

from collections.abc import Sequence

from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination, Ceilings


def in_mission(destinations: Sequence[DestinationPattern], host: str, port: int) -> bool:
    """Whether one of a mission's destinations covers a canonical host and port."""
    return any(pattern.matches(host, port) for pattern in destinations)


def in_ceiling(ceilings: Ceilings, host: str, port: int, now: float) -> bool:
    """Whether an entry of the ceiling that hasn't expired covers a canonical host and port; ``now`` in epoch seconds."""
    return any(now < entry.expires and entry.pattern.matches(host, port) for entry in ceilings.destinations)


def in_force(ceilings: Ceilings, now: float) -> tuple[AllowedDestination, ...]:
    """The entries of the ceiling that haven't expired."""
    return tuple(entry for entry in ceilings.destinations if now < entry.expires)


def lost(before: Sequence[AllowedDestination], after: Sequence[AllowedDestination]) -> tuple[DestinationPattern, ...]:
    """The patterns that were in force before and aren't now; what they covered may still be covered by another."""
    kept = {entry.pattern for entry in after}
    return tuple(dict.fromkeys(entry.pattern for entry in before if entry.pattern not in kept))
