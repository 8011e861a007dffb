"""How a host stands towards its store: the only one on it, or one replica among others.

Must not know: connections, SQL, how a change is made.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, final

from exeat.fleet.crew import Crew
from exeat.model.mission import Mission
from exeat.ports import Applied

logger = logging.getLogger("exeat.fleet")

Told = Callable[[Sequence[Mission]], None]
"""Is told of missions that somebody changed elsewhere."""
Acted = Callable[[Applied, Mission], None]
"""Is told what a change that somebody made elsewhere did here."""

Read = Callable[[], Awaitable[None]]
"""Acts on what others changed besides missions, before the change counts as seen."""


async def _nothing() -> None:
    pass


class Standing(Protocol):
    """Keeps the crew's leases, and carries changes to whoever else serves."""

    replica: str
    """This installation's name among those that share the store; ``""`` where there is nobody else."""
    told: Told
    acted: Acted
    read: Read

    async def start(self) -> None:
        """Take the stand; raise StartError when somebody else holds what only one may hold."""
        ...

    async def apply(self, mission: Mission) -> Applied:
        """Act on a change made here; when it returns, it is made everywhere (``ports.ChangeFeed``)."""
        ...

    async def elsewhere(self) -> tuple[str, ...]:
        """Wait until everybody else acted on what was committed and told to the feed, or can't serve; name those who can't."""
        ...

    async def stop(self) -> None:
        """Give it up. The crew's workers must have ended."""
        ...


@final
class Sole:
    """The only one on its store: what it knows is complete by itself. ``hold`` makes sure of that and returns how to let go."""

    def __init__(self, crew: Crew, lease: float, hold: Callable[[], Callable[[], None]]) -> None:
        self.replica = ""
        self.told: Told = lambda _: None
        self.acted: Acted = lambda _, __: None
        self.read: Read = _nothing
        self._crew, self._lease, self._hold = crew, lease, hold
        self._let_go: Callable[[], None] | None = None
        self._granting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See :class:`Standing`."""
        self._let_go = self._hold()
        self._crew.grant(math.inf)
        self._granting = asyncio.create_task(self._grant())

    async def apply(self, mission: Mission) -> Applied:
        """See :class:`Standing`."""
        return await self._crew.apply(mission)

    async def elsewhere(self) -> tuple[str, ...]:
        """See :class:`Standing`: there is nobody else."""
        return ()

    async def stop(self) -> None:
        """See :class:`Standing`."""
        if self._granting is not None:
            self._granting.cancel()
            await asyncio.gather(self._granting, return_exceptions=True)
        if self._let_go is not None:
            self._let_go()

    async def _grant(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 4)
            try:
                self._crew.grant(math.inf)
            except Exception:
                logger.exception("a lease could not be granted; trying again")
