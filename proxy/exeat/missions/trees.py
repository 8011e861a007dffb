"""A mission and those it delegated to change together: what ends or stops one, ends or stops all below it in the same call.

The parent goes first, so that no further child can be opened; then its children at once, each with theirs. Must not know: what
a change of one mission is.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import final

from exeat.errors import ConflictError, ExeatError, NotFoundError, UnavailableError
from exeat.missions.changes import Change, Changes
from exeat.missions.delegation import LEVELS
from exeat.missions.states import PARENT, Verb
from exeat.model.mission import Mission, MissionState
from exeat.ports import Applied, MissionStore


@final
class Trees:
    """Carries a change from a mission down to every one below it."""

    def __init__(self, store: MissionStore, changes: Changes) -> None:
        self._store = store
        self._changes = changes

    async def move(self, verb: Verb, mission_id: str, by: str, reason: str, cause: str = "") -> Change:
        """Change a mission and all below it; the figures are of all of them together. Raise as :meth:`Changes.move`.

        A child that can't be changed keeps neither its parent nor its siblings from it; the failure is raised at the end, and the
        call can be repeated.
        """
        if verb is Verb.RESUME:
            await self._check_parent(mission_id)
        failure: ExeatError | None = None
        try:
            change: Change | None = await self._changes.move(verb, mission_id, by, reason, cause)
        except UnavailableError as error:
            failure, change = error, None
        below = [child.id for child in await self._children(mission_id) if _follows(verb, child)]
        outcomes = await asyncio.gather(
            *(self.move(verb, child, by, reason, PARENT) for child in below), return_exceptions=True
        )
        applied: list[Applied] = []
        for outcome in outcomes:
            if isinstance(outcome, ConflictError | NotFoundError):
                continue  # it ended by itself meanwhile
            if isinstance(outcome, BaseException):
                failure = failure or (outcome if isinstance(outcome, ExeatError) else UnavailableError(str(outcome)))
            else:
                applied.append(outcome.applied)
        if failure is not None or change is None:
            raise failure or UnavailableError("the change wasn't made; repeat it")
        return replace(change, applied=change.applied.then(applied)) if applied else change

    async def _children(self, mission_id: str) -> list[Mission]:
        """The live children, by the store and by what was last seen: what can still be cut when the store is gone."""
        found = {each.id: each for each in self._changes.live() if each.parent == mission_id}
        try:
            stored = await self._changes.stored(self._store.children(mission_id))
            found |= {each.id: each for each in stored}
        except UnavailableError:
            if not found:
                return []
        return list(found.values())

    async def _check_parent(self, mission_id: str) -> None:
        mission = await self._changes.existing(mission_id)
        if mission.parent and not mission.state.final:
            parent = await self._changes.existing(mission.parent)
            if parent.state is not MissionState.OPEN:
                raise ConflictError(f"its parent {parent.id} is {parent.state}", "Resume the parent first.")

    async def lineage(self, parent: Mission) -> int:
        """How many missions there are from one up to the one that an operator opened, both counted."""
        levels, mission = 1, parent
        while mission.parent and levels <= LEVELS:
            mission = await self._changes.existing(mission.parent)
            levels += 1
        return levels


def _follows(verb: Verb, child: Mission) -> bool:
    """What an operator suspended by itself stays so; what was suspended with its parent is resumed with it."""
    if verb is Verb.SUSPEND:
        return child.state is MissionState.OPEN
    if verb is Verb.RESUME:
        return child.state is MissionState.SUSPENDED and child.cause == PARENT
    return True
