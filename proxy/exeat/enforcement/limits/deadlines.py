"""A connection's deadlines: heads must complete, TLS with an origin must settle, silence must end.

Must not know: what the bytes mean, what ends when a deadline passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import final

from exeat.config.tables.proxy import LimitsTable


@final
class Deadlines:
    """Timers of one connection. ``busy`` says that it waits for us, which is no silence of its own."""

    def __init__(self, limits: LimitsTable, expire: Callable[[], None], busy: Callable[[], bool]) -> None:
        self._limits = limits
        self._expire = expire
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._moved = self._loop.time()
        self._idle = self._loop.call_later(limits.idle, self._check_idle)
        self._head: asyncio.TimerHandle | None = None
        self._pending: dict[Hashable, asyncio.TimerHandle] = {}
        self._progress: dict[Hashable, int] = {}

    def moved(self) -> None:
        """Something happened."""
        self._moved = self._loop.time()

    def head_pending(self) -> None:
        """A head has begun; later calls don't prolong it, or a byte a second would."""
        if self._head is None:
            self._head = self._loop.call_later(self._limits.head, self._expire)

    def head_complete(self) -> None:
        """The head is there."""
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def handshake_pending(self, key: Hashable, give_up: Callable[[], None]) -> None:
        """TLS with an origin has begun: one that accepts and says nothing is as absent as one that doesn't accept."""
        self._pending[key] = self._loop.call_later(self._limits.connect, give_up)

    def body_pending(self, key: Hashable) -> None:
        """A body is waited for before anything is decided: a byte now and then must not keep it for ever."""
        self._pending[key] = self._loop.call_later(self._limits.decision, self._expire)

    def body_unwanted(self, key: Hashable, give_up: Callable[[], None]) -> None:
        """A body that was refused is thrown away, but not for ever: a caller that reads has its answer by then."""
        self.settled(key)
        self._pending[key] = self._loop.call_later(self._limits.body or self._limits.idle, give_up)

    def body_flows(self, key: Hashable, size: int, give_up: Callable[[], None]) -> None:
        """So much of a streaming body has come; ``give_up`` is called when it hasn't been enough for a while."""
        if key in self._progress:
            self._progress[key] += size
        elif self._limits.body:
            self._progress[key] = size
            self._pending[key] = self._loop.call_later(self._limits.body, self._check_progress, key, give_up)

    def _check_progress(self, key: Hashable, give_up: Callable[[], None]) -> None:
        enough = self._progress[key] >= self._limits.body_progress
        if enough:
            self._progress[key] = 0
            self._pending[key] = self._loop.call_later(self._limits.body, self._check_progress, key, give_up)
        else:
            self.settled(key)
            give_up()

    def settled(self, key: Hashable) -> None:
        """A handshake or a body has ended, one way or the other."""
        self._progress.pop(key, None)
        timer = self._pending.pop(key, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        """The connection is over."""
        self._idle.cancel()
        self.head_complete()
        for timer in self._pending.values():
            timer.cancel()
        self._pending.clear()

    def _check_idle(self) -> None:
        remaining = self._moved + self._limits.idle - self._loop.time()
        if remaining <= 0 and not self._busy():
            self._expire()
        else:
            self._idle = self._loop.call_later(max(remaining, 0.1), self._check_idle)
