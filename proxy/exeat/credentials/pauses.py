"""Servers that asked to be left alone, and until when.

A circuit breaker: while a pause lasts, nothing is sent, and callers are refused at once instead of waiting for a
time-out each. The first call after it is the probe; pauses of a server that goes on failing grow. Must not know: requests, tokens.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import final

from exeat.ports import Clock

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds; a server may not silence us for longer than it takes an admin to notice."""


@final
class Pauses:
    """One pause at most for each URL."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def left(self, url: str) -> float:
        """Seconds that the pause of this URL lasts, 0 when there is none."""
        until = self._until.get(url)
        if until is None:
            return 0.0
        left = until - self._clock.monotonic()
        if left <= 0:
            del self._until[url]
            return 0.0
        return left

    def begin(self, url: str, asked: str | None = None) -> float:
        """Pause for as long as the ``Retry-After`` field asks (RFC 9110 §10.2.3), within bounds; return the seconds.

        Without one a pause is twice as long as the one before it, until :meth:`end` says that the server answers again.
        """
        now = self._clock.monotonic()
        if asked:
            seconds = min(max(self._seconds(asked), SHORTEST), LONGEST)
        elif url in self._until:
            return max(self._until[url] - now, 0.0)  # of calls that fail together only the first counts
        else:
            seconds = min(2 * self._last.get(url, SHORTEST / 2), LONGEST)
            self._last[url] = seconds
        self._until[url] = now + seconds
        return seconds

    def end(self, url: str) -> None:
        """The server has answered: the next pause is a short one."""
        if self._last:
            self._last.pop(url, None)

    def _seconds(self, asked: str) -> float:
        if asked.isascii() and asked.isdigit():
            return float(asked[:6])
        try:
            moment = parsedate_to_datetime(asked)
        except ValueError:
            return SHORTEST
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - self._clock.time()
