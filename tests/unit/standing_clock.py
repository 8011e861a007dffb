"""A clock that stands still until it is moved."""

from __future__ import annotations


class StandingClock:
    def __init__(self, now: float = 1_900_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.now
