"""Work that goes on behind: held strongly until it is done, stopped as one.

Must not know: what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, final


@final
class Tasks:
    """The background tasks of one owner; a loop alone holds tasks only weakly."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start work on the running loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish(self, seconds: float) -> None:
        """Wait until everything is done, at most so long, and cancel what isn't."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=seconds)
        await self.close()

    async def close(self) -> None:
        """Cancel everything and wait for it."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
