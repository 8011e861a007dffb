"""An event loop whose time passes only when nothing is left to do: seconds of waiting cost none.

Work in threads (a database's) is waited for in real time, during which virtual time stands still. Must not know: what runs.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

_LONGEST = 20.0
"""Real seconds that work in a thread may take."""


class _Selector(selectors.DefaultSelector):
    """Instead of waiting it lets time pass."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.working:
            return super().select(_LONGEST)
        if timeout is None:
            raise RuntimeError("everything waits for something that never comes")
        self.loop.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """``now`` is its time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.working = 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        work = super().run_in_executor(executor, func, *args)
        self.working += 1
        work.add_done_callback(self._worked)
        return work

    def _worked(self, _: object) -> None:
        self.working -= 1
