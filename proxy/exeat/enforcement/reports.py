"""What a worker does when a rule fires: no rights for the mission from that moment, and word to the control plane.

A rule that suspends or revokes takes the rights away here before anybody else is asked. The control plane is told until it has
done the same everywhere; until then the mission gets no rights back. Must not know: rules, requests, the store.
"""

from __future__ import annotations

import asyncio
import logging
from typing import final

from exeat.enforcement.registry import Registry
from exeat.enforcement.world import World
from exeat.model.deviation import Firing, Then
from exeat.model.mission import MissionState
from exeat.ports import Watchtower

logger = logging.getLogger("exeat.reports")

OVER = {Then.SUSPEND: MissionState.SUSPENDED, Then.REVOKE: MissionState.REVOKED}
"""What a mission is from a firing on, for those that stop it."""
_PENDING = 1000
"""Alerts that wait for the control plane; more are only logged. What stops a mission always waits."""
_CUT = 0.25
"""Seconds after which a stopped mission's connections are reset at the latest. Nothing of it goes to an origin from the first."""
_SLOWEST = 5.0
"""Seconds between two attempts to tell the control plane, at most."""


@final
class Reports:
    """The firings of one worker that the control plane hasn't taken yet."""

    def __init__(self, world: World, registry: Registry) -> None:
        self._world = world
        self._registry = registry
        self._tower: Watchtower | None = None
        self._owed: dict[str, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def to(self, tower: Watchtower) -> None:
        """Whom to tell."""
        self._tower = tower

    def carry_out(self, firing: Firing) -> None:
        """Do here what the rule says, and tell of it."""
        state = OVER.get(firing.then)
        if state is None and len(self._tasks) >= _PENDING:
            logger.error("rule %s fired in mission %s, and nobody can be told", firing.rule, firing.mission)
            return
        loop = asyncio.get_running_loop()
        if state is not None:
            if self._world.barred.get(firing.mission) is not MissionState.REVOKED:
                self._world.barred[firing.mission] = state
            self._owed.setdefault(firing.mission, set()).add(firing.id)
            loop.call_later(_CUT, self._cut, firing.mission)
        task = loop.create_task(self._tell(firing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cut(self, mission: str) -> None:
        """The control plane's change resets connections, drops tokens and counts both; where it is late, this cuts."""
        if mission in self._world.barred:
            self._registry.cut(mission)

    async def _tell(self, firing: Firing) -> None:
        """Tell the control plane until it has done what the rule says; then the snapshot says it too."""
        pause = 0.05
        while not await self._told(firing):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _SLOWEST)
        owed = self._owed.get(firing.mission)
        if owed is not None:
            owed.discard(firing.id)
            if not owed:
                del self._owed[firing.mission]
                self._world.barred.pop(firing.mission, None)

    async def _told(self, firing: Firing) -> bool:
        if self._tower is None:
            return False
        try:
            await self._tower.report(firing)
        except Exception as error:  # noqa: BLE001 whatever it is, it is told again
            logger.warning("the firing of rule %s isn't taken yet (%s)", firing.rule, type(error).__name__)
            return False
        return True
