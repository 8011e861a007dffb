"""Change the state of missions: record, store, then tell the data path, in this order.

What takes rights away is never put off by a fault: when it can't be recorded or stored, traffic is cut all the same and
the caller is told that the change is not durable yet. Every change can be repeated until it succeeds. Must not know:
HTTP, SQL, passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import final
from weakref import WeakValueDictionary

from exeat.decision.lifetimes import Lifetimes
from exeat.errors import ConflictError, NotFoundError, UnavailableError
from exeat.missions.journal import Journal
from exeat.missions.states import PARENT, Verb, target
from exeat.model.mission import Mission
from exeat.ports import Applied, ChangeFeed, Clock, MissionStore

_CONFIRM = 7.0
"""Seconds in which every worker must have acted; cutting takes milliseconds, revoking tokens at their issuers up to 5 s."""
_STORED = 11.0
"""Seconds in which the store must answer; ours gives up by itself a little earlier."""
_ATTEMPTS = 3
"""How often a change is judged anew when another process changed the mission in between."""


@dataclass(frozen=True, slots=True)
class Change:
    """A mission after a change, and what the change did to traffic under way."""

    mission: Mission
    applied: Applied


@final
class Changes:
    """Carries changes of single missions through, one at a time for each mission."""

    def __init__(self, store: MissionStore, clock: Clock, feed: ChangeFeed, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._feed = feed
        self._journal = journal
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._live: dict[str, Mission] = {}
        self._lifetimes = Lifetimes()

    def lock(self, mission_id: str) -> asyncio.Lock:
        """The lock that keeps two changes of one mission from overtaking each other on the way to the data path."""
        return self._locks.setdefault(mission_id, asyncio.Lock())

    def live(self) -> Iterable[Mission]:
        """Live missions as last seen: what can still be cut when the store is gone."""
        return tuple(self._live.values())

    def seen(self, missions: Iterable[Mission]) -> None:
        """Remember missions as they are now."""
        now, moment = self._clock.time(), self._clock.monotonic()
        for mission in missions:
            self._lifetimes.note(mission, now, moment)
            if mission.state.final:
                self._live.pop(mission.id, None)
            else:
                self._live[mission.id] = mission

    def out_of_time(self) -> list[Mission]:
        """Live missions whose time is up, by the wall clock or by one that can't be set back."""
        return self._lifetimes.due(self._live.values(), self._clock.time(), self._clock.monotonic())

    async def existing(self, mission_id: str) -> Mission:
        """Return a mission; raise NotFoundError when there is none."""
        mission = await self.stored(self._store.get(mission_id))
        if mission is None:
            raise NotFoundError(f"there is no mission {mission_id!r}")
        return mission

    async def stored[Result](self, call: Awaitable[Result]) -> Result:
        """Return what a call of the store returns; raise UnavailableError when that takes too long."""
        try:
            async with asyncio.timeout(_STORED):
                return await call
        except TimeoutError as error:
            raise UnavailableError("the store didn't answer in time") from error

    async def tell(self, mission: Mission) -> Applied:
        """Hand a mission to the data path; raise UnavailableError unless it confirms."""
        applied = await self._confirmed(mission)
        self.seen([mission])
        return applied

    async def move(self, verb: Verb, mission_id: str, by: str, reason: str, cause: str = "") -> Change:
        """Change a mission's state as ``verb`` says; ``cause`` says for machines why, where nobody asked for it.

        Return what holds when nothing had to be changed. Raise NotFoundError, ConflictError when the state doesn't
        allow it, UnavailableError when record, store or data path failed.
        """
        async with self.lock(mission_id):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    return await self._move(verb, mission_id, by, reason, cause)
                except _OvertakenError as overtaken:
                    if attempt == _ATTEMPTS:
                        raise overtaken.conflict from overtaken
            raise ConflictError(f"mission {mission_id} keeps changing")

    async def _move(self, verb: Verb, mission_id: str, by: str, reason: str, cause: str) -> Change:
        now = self._clock.time()
        try:
            mission = await self.existing(mission_id)
        except Exception as error:
            if verb.narrows and mission_id in self._live:
                await self._cut(verb, self._live[mission_id], now, cause)
                if isinstance(error, NotFoundError):
                    raise UnavailableError("the store has lost this mission; its traffic is cut") from error
            raise
        due = cause not in ("", "time") or self._lifetimes.over(mission_id, self._clock.monotonic())
        changed = _moved(verb, mission, now, cause, due=due)
        try:
            with self._journal.change(verb, changed, by, reason, mission.state):
                if changed is not mission:
                    changed = await self.stored(self._store.replace(changed, mission.revision))
                applied = await self.tell(changed)
        except ConflictError as conflict:
            raise _OvertakenError(conflict) from conflict
        except Exception:
            if verb.narrows:
                await self._cut(verb, mission, now, cause)
            raise
        if verb.narrows:
            self._journal.applied(verb, changed, by, applied)
        return Change(changed, applied)

    async def _cut(self, verb: Verb, mission: Mission, now: float, cause: str) -> None:
        """Take a mission's rights away in the data path alone, because the change couldn't be carried through.

        It stays among the live ones, so that repeating the change makes it whole.
        """
        cut = _moved(verb, mission, now, cause, due=True)
        await self._confirmed(replace(cut, revision=mission.revision + 1))

    async def _confirmed(self, mission: Mission) -> Applied:
        try:
            async with asyncio.timeout(_CONFIRM):
                return await self._feed(mission)
        except Exception as error:
            raise UnavailableError("the data path didn't confirm the change; repeat it") from error


class _OvertakenError(Exception):
    """Another process changed the mission between reading and writing it."""

    def __init__(self, conflict: ConflictError) -> None:
        super().__init__(str(conflict))
        self.conflict = conflict


def _moved(verb: Verb, mission: Mission, now: float, cause: str, *, due: bool) -> Mission:
    state = target(verb, mission, now, due=due)
    if state is mission.state:
        # Suspended for itself too: it isn't resumed with its parent any more.
        own = verb is Verb.SUSPEND and mission.cause == PARENT and cause != PARENT
        return replace(mission, cause=cause) if own else mission
    return replace(mission, state=state, ended_at=now if state.final else None, cause=cause)
