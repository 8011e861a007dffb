"""Missions that open by themselves, at the first request of an agent that the data path has proven: ``ports.Opener``.

Opened as an operator would, below the same ceilings, by a template that allows it. One for however many ask at once. What was
revoked, or used up, is not opened anew while it would still live: until then an operator has to. Must not know: requests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import final
from weakref import WeakValueDictionary

from exeat.errors import ConflictError, ExeatError, RefusalError
from exeat.missions.control import MissionControl
from exeat.missions.request import OpenRequest
from exeat.model.identity import Agent
from exeat.model.mission import Mission, MissionState, MissionTemplate
from exeat.model.reason import Reason
from exeat.ports import Clock, MissionStore


@final
class FirstRequests:
    """Implements ``ports.Opener``."""

    def __init__(
        self,
        control: MissionControl,
        store: MissionStore,
        clock: Clock,
        templates: Mapping[str, MissionTemplate],
        agents: Mapping[str, Agent],
    ) -> None:
        self._control = control
        self._store = store
        self._clock = clock
        self._templates = templates
        self._agents = agents
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def open(self, template: str, agent: str, evidence: Sequence[str]) -> None:
        """Let an agent have a mission of a template; see ``ports.Opener``."""
        known = next((each for each in self._agents.values() if each.spiffe_id == agent), None)
        found = self._templates.get(template)
        if known is None or found is None or not found.on_request:
            raise RefusalError(Reason.MISSION_MISSING, f"{template!r} doesn't open on request")
        async with self._locks.setdefault((template, agent), asyncio.Lock()):
            try:
                if not await self._has_one(template, known):
                    request = OpenRequest(agents=(known.key,), template=template)
                    with contextlib.suppress(ConflictError):  # another host was faster; our workers hear of it
                        await self._control.open(request, "exeat", evidence)
            except RefusalError:
                raise
            except ExeatError as error:
                stale = error.status >= 500
                reason = Reason.STATE_STALE if stale else Reason.MISSION_MISSING
                raise RefusalError(reason, f"no mission was opened: {error}"[:500]) from error

    async def _has_one(self, template: str, agent: Agent) -> bool:
        """Whether a mission is open already; raise RefusalError where an operator has to open the next.

        The newest one says: once an operator has opened another, what was before it doesn't count.
        """
        every = await self._store.unfinished(template, agent.environment, self._clock.time())
        own = [mission for mission in every if agent.name in mission.agents]
        if any(mission.state is MissionState.OPEN for mission in own):
            return True
        if own and own[0].state is MissionState.SUSPENDED:
            raise RefusalError(Reason.MISSION_SUSPENDED, own[0].id)
        if own and bars(own[0]):
            raise RefusalError(Reason.MISSION_ENDED, f"{own[0].id} was ended; an operator has to open the next")
        return False


def bars(mission: Mission) -> bool:
    """Whether an ended mission keeps the next one from opening by itself: it was revoked, or its budget is used up."""
    used_up = mission.state is MissionState.EXPIRED and mission.cause.startswith("budget:")
    return mission.state is MissionState.REVOKED or used_up
