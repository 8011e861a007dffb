"""PostgreSQL's LISTEN, on a connection of its own that is opened again whenever it is lost.

Notices sent while it was lost are gone, so everybody is told once after each connect. Must not know: any table.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, final

import asyncpg

from exeat.store.notices import Channel, Hub

logger = logging.getLogger("exeat.store")

_FIRST_SECONDS, _LONGEST_SECONDS = 0.05, 2.0
"""Between two tries to connect, doubling."""
_PROOF_SECONDS = 5.0
"""A connection that is silently dead is noticed after this and as long again."""


@final
class Listener:
    """Hears what any process commits, and tells the hub."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection[Any]]], hub: Hub) -> None:
        self._connect = connect
        self._hub = hub
        self._task = asyncio.get_running_loop().create_task(self._for_ever())

    async def close(self) -> None:
        """Hear no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        wait = _FIRST_SECONDS
        while True:
            try:
                connection = await self._connect()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("not listening to the store: %s", type(error).__name__)
            else:
                wait = _FIRST_SECONDS
                await self._hear(connection)
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 no secret: many replicas shouldn't knock at once
            wait = min(2 * wait, _LONGEST_SECONDS)

    async def _hear(self, connection: asyncpg.Connection[Any]) -> None:
        """Return when the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            for channel in Channel:
                await connection.add_listener(channel.value, self._heard)
            self._hub.tell()
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PROOF_SECONDS):
                        await lost.wait()
                if not lost.is_set():
                    await connection.fetchval("SELECT 1", timeout=_PROOF_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            logger.warning("no longer listening to the store: %s", type(error).__name__)
        finally:
            connection.terminate()

    def _heard(self, _connection: object, _process: int, channel: str, _payload: object) -> None:
        self._hub.tell((Channel(channel),))
