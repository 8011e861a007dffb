"""Missions that end by themselves: their time is up, they do nothing any more, or nothing of their budget is left.

Must not know: how any of that is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from exeat.errors import ExeatError, UnavailableError
from exeat.missions.changes import Changes
from exeat.missions.states import Verb
from exeat.missions.trees import Trees
from exeat.missions.usage import Usage
from exeat.model.mission import Mission
from exeat.ports import MissionStore

_REASONS = {"time": "its time is up", "idle": "it did nothing for as long as it may"}


@final
class Endings:
    """Ends what is due, one mission after the other."""

    def __init__(self, store: MissionStore, changes: Changes, trees: Trees, usage: Usage) -> None:
        self._store = store
        self._changes = changes
        self._trees = trees
        self._usage = usage

    async def idle_and_used_up(self) -> int:
        """End what does nothing or has nothing left, and return how many; call it a few times a second."""
        await self._usage.write()
        live = {mission.id: mission for mission in self._changes.live()}
        due = [(mission, "idle") for mission in await self._usage.idle(live.values())]
        due += [(mission, f"budget:{kind}") for mission, kind in await self._usage.used_up(live)]
        return await self._end(due)

    async def out_of_time(self) -> int:
        """End every mission whose time is up, and return how many.

        Which ones that may be is known without reading the store, where ten thousand may be live; each of them is read before
        it ends, for another host may have prolonged it. One that fails doesn't keep the others; the last failure is raised
        when all were tried.
        """
        failure: UnavailableError | None = None
        for mission in self._changes.out_of_time():
            try:
                self._changes.seen([await self._changes.existing(mission.id)])
            except UnavailableError as error:
                failure = error
            except ExeatError:
                continue  # it is gone: ending it says so
        ended = await self._end([(mission, "time") for mission in self._changes.out_of_time()])
        if failure is not None:
            raise failure
        return ended

    async def _end(self, due: Sequence[tuple[Mission, str]]) -> int:
        ended = 0
        failure: UnavailableError | None = None
        for mission, cause in due:
            reason = _REASONS.get(cause, "its budget is used up")
            try:
                await self._trees.move(Verb.EXPIRE, mission.id, "exeat", reason, cause)
                ended += 1
            except UnavailableError as error:
                failure = error
            except ExeatError:
                continue  # closed, extended or gone meanwhile: nothing is due any more
        if failure is not None:
            raise failure
        return ended
