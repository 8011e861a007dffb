"""The time.

Must not know: any implementation.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time, injected so that tests can move it."""

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations and deadlines."""
        ...

    def boot(self) -> float:
        """Seconds since this machine started, its sleep included: the same for all its processes, for leases."""
        ...
