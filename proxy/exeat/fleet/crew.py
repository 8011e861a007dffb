"""All workers of a host: each change goes to every one of them, and is made when each has confirmed it or can't serve.

A worker that doesn't confirm is granted no lease any more. Once the last one it was granted has run out, it sends nothing,
whatever it knows: it may be stopped, stuck or gone. It is granted leases again when it has caught up. Must not know: how
workers are started, the store, other hosts.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from exeat.errors import ExeatError, UnavailableError
from exeat.fleet.member import Member
from exeat.model.mission import Ceilings, Mission, MissionState
from exeat.ports import Applied, Clock, Ended

logger = logging.getLogger("exeat.fleet")

_MARGIN = 0.002
"""Seconds waited beyond a lease: clocks are read a little before they are compared."""
_TOKENS = 6.0
"""Seconds that issuers may take to revoke; a little more than a worker waits for one of them."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """``fault``: it answered, and didn't take the change."""

    cut: int
    confirmed: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A mission as every worker knows it now. ``cut`` connections were reset; times are seconds since the machine started."""

    mission: Mission
    cut: int
    confirmed: tuple[Member, ...]
    lapsed: tuple[str, ...]
    started: float
    cut_at: float


@final
class Crew:
    """The workers, what each was told, and until when each may serve. ``lease`` in seconds."""

    def __init__(self, clock: Clock, lease: float) -> None:
        self._clock = clock
        self._lease = lease
        self._members: dict[str, Member] = {}
        self._known: dict[str, Mission] = {}
        self._ceilings: Ceilings | None = None
        """Other than those of the configuration, which every worker begins with."""
        self._secrets: Mapping[str, Any] | None = None
        """Others than those that every worker reads for itself."""
        self.ended: Callable[[str], None] = _nothing
        """Is told of a mission that has ended, before anybody else is."""
        self._limit = 0.0
        self._catching_up: set[asyncio.Task[None]] = set()

    @property
    def members(self) -> Sequence[Member]:
        """Who is there now."""
        return tuple(self._members.values())

    def restore(self, missions: Sequence[Mission]) -> None:
        """Know these before anybody joins."""
        self._known = {mission.id: mission for mission in missions}

    def join(self, member: Member) -> None:
        """Add a worker: it is told all that is known, and from now on of every change."""
        self._load(member)
        self._members[member.name] = member
        self._grant(member)

    def leave(self, member: Member) -> None:
        """Forget a worker whose process has ended: nothing can be sent by it."""
        if self._members.get(member.name) is member:
            del self._members[member.name]

    def grant(self, limit: float) -> None:
        """Let every worker that is current serve for a lease from now, and never beyond ``limit``."""
        self._limit = limit
        for member in self._members.values():
            self._grant(member)

    def _grant(self, member: Member) -> None:
        until = min(self._clock.boot() + self._lease, self._limit)
        if member.current and until > member.granted:
            member.grant(until)

    async def apply(self, mission: Mission) -> Applied:
        """Tell every worker, and return when each has confirmed or its lease has run out; then wait for tokens' ends.

        Raise UnavailableError when one can't take an open mission; what takes rights away never fails.
        """
        change = await self.change(mission)
        return await self.settle(change)

    async def change(self, mission: Mission) -> Change:
        """The first half of :meth:`apply`: when it returns, no byte more of an ended mission can go."""
        started = self._clock.boot()
        if mission.state.final:
            self._known.pop(mission.id, None)
            self.ended(mission.id)
        else:
            self._known[mission.id] = mission
        told = self.members
        answers = await asyncio.gather(*(self._tell(member, mission) for member in told))
        fault = next((answer.fault for answer in answers if answer.fault), "")
        if fault and mission.state is MissionState.OPEN:
            raise UnavailableError(f"a worker can't take the mission: {fault}")
        pairs = list(zip(told, answers, strict=True))
        return Change(
            mission,
            sum(answer.cut for answer in answers),
            tuple(member for member, answer in pairs if answer.confirmed),
            tuple(member.name for member, answer in pairs if not answer.confirmed),
            started,
            self._clock.boot(),
        )

    async def settle(self, change: Change) -> Applied:
        """The second half: what became of the tokens of a mission that ended."""
        ended: Sequence[Ended] = ()
        if change.mission.state is not MissionState.OPEN:
            ended = await asyncio.gather(*(self._end(member, change.mission.id) for member in change.confirmed))
        over = self._clock.boot()
        return Applied(
            change.cut,
            sum(each.dropped for each in ended),
            sum(each.revoked for each in ended),
            (over - change.started) * 1000,
            (change.cut_at - change.started) * 1000,
            (over - change.cut_at) * 1000,
            len(change.confirmed),
            change.lapsed,
            tuple(left for each in ended for left in each.left),
            tuple(id_ for each in ended for id_ in each.ended),
        )

    async def reload(self, missions: Sequence[Mission]) -> None:
        """Replace all that is known; return when every worker has it or can't serve."""
        self.restore(missions)
        await asyncio.gather(*(self._confirmed(member, self._loaded(member)) for member in self.members))

    async def _loaded(self, member: Member) -> int:
        self._load(member)
        await member.status()
        return 0

    async def configure(self, said: Mapping[str, Any]) -> None:
        """Have every worker go by other tables of the configuration, then open what didn't fit the old ones.

        Raise UnavailableError when one can't.
        """
        for member in self.members:
            await member.configure(said)
            self._load(member)

    def _load(self, member: Member) -> None:
        if self._secrets is not None:
            member.hold(self._secrets)
        if self._ceilings is not None:
            member.restrict(self._ceilings)
        member.load(tuple(self._known.values()))

    async def allow(self, ceilings: Ceilings) -> Applied:
        """Tell every worker of changed ceilings, and return when each keeps to them or its lease has run out."""
        started = self._clock.boot()
        self._ceilings = ceilings
        told = self.members
        answers = await asyncio.gather(*(self._confirmed(member, member.allow(ceilings)) for member in told))
        lapsed = tuple(member.name for member, answer in zip(told, answers, strict=True) if not answer.confirmed)
        took = (self._clock.boot() - started) * 1000
        cut = sum(answer.cut for answer in answers)
        return Applied(cut, milliseconds=took, cut_ms=took, workers=len(told) - len(lapsed), lapsed=lapsed)

    def supply(self, secrets: Mapping[str, Any]) -> None:
        """Know these before anybody joins."""
        self._secrets = secrets

    async def rekey(self, secrets: Mapping[str, Any]) -> None:
        """Tell every worker of changed secrets, and return when each uses them or its lease has run out."""
        self._secrets = secrets
        await asyncio.gather(*(self._confirmed(member, member.rekey(secrets)) for member in self.members))

    async def status(self) -> Mapping[str, Mapping[str, Any]]:
        """How each worker is doing; one that doesn't say within a lease is only named."""

        async def ask(member: Member) -> Mapping[str, Any]:
            try:
                async with asyncio.timeout(self._lease):
                    said = await member.status()
            except (ExeatError, TimeoutError):
                said = {}
            return {**said, "current": member.current, "fresh_for": round(member.granted - self._clock.boot(), 3)}

        told = self.members
        return dict(zip((each.name for each in told), await asyncio.gather(*map(ask, told)), strict=True))

    async def _tell(self, member: Member, mission: Mission) -> _Answer:
        return await self._confirmed(member, member.change(mission))

    async def _confirmed(self, member: Member, work: Coroutine[Any, Any, int]) -> _Answer:
        """Tell one worker, and wait until it has confirmed or what it was granted before has run out."""
        granted = member.granted
        telling = asyncio.ensure_future(work)
        done, _ = await asyncio.wait([telling], timeout=self._left(granted))
        fault = telling.exception() if done else None
        if done and fault is None:
            return _Answer(telling.result(), confirmed=True)
        member.current = False
        logger.error("worker %s is behind; it serves nobody until it has caught up", member.name)
        task = asyncio.create_task(self._catch_up(member, telling))
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)
        while self._members.get(member.name) is member:  # once its process has ended, it is nobody's lease that counts
            left = self._left(granted)
            if left is not None and left <= 0:
                return _Answer(0, confirmed=False, fault=str(fault or ""))
            await asyncio.sleep(_MARGIN)
        return _Answer(0, confirmed=True)

    def _left(self, granted: float) -> float | None:
        """Seconds until a lease has surely run out; None when it has no end."""
        return None if math.isinf(granted) else max(0.0, granted + _MARGIN - self._clock.boot())

    async def _catch_up(self, member: Member, telling: asyncio.Future[int]) -> None:
        """Trust a worker again when it has answered and taken everything anew."""
        try:
            await asyncio.wait([telling])
            if telling.exception() is not None:
                self._load(member)
                await member.status()
        except ExeatError:
            return  # it is gone, and who started it starts another
        if self._members.get(member.name) is member:
            logger.warning("worker %s has caught up", member.name)
            member.current = True

    async def _end(self, member: Member, mission: str) -> Ended:
        try:
            async with asyncio.timeout(_TOKENS):
                return await member.end(mission)
        except (ExeatError, TimeoutError):
            return Ended()  # its memory is gone with it; what issuers hold lives until it expires


def _nothing(mission: str) -> None:
    pass
