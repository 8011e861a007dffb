"""How often an issuer may be asked: so many mints a second, and a burst of as many.

Vendors count too, and lock out whoever asks too often (Auth0 allows about 30 exchanges a second); what we refuse ourselves
is refused at once, with a reason. Must not know: tokens, what an issuer is.
"""

from __future__ import annotations

from typing import final

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.ports import Clock


@final
class Throttle:
    """A token bucket for one issuer."""

    __slots__ = ("_at", "_clock", "_left", "_most", "_rate")

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._most = self._left = max(rate, 1.0)
        self._clock = clock
        self._at = clock.monotonic()

    def take(self) -> None:
        """Count one mint; raise RefusalError(TOKEN_UNAVAILABLE) when it is one too many, saying when the next one may come."""
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            wait = (1.0 - self._left) / self._rate
            raise RefusalError(
                Reason.TOKEN_UNAVAILABLE, f"more than {self._rate:g} mints a second; again in {wait:.1f} s"
            )
        self._left -= 1.0
