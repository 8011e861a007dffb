"""All workers of a host: each change goes to every one of them, and is made when each has confirmed it or can't serve.

A worker that doesn't confirm is granted no lease any more. Once the last one it was granted has run out, it sends nothing,
whatever it knows: it may be stopped, stuck or gone. It is granted leases again when it has caught up. Must not know: how
workers are started, the store, other hosts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from exeat.errors import ExeatError, UnavailableError
from exeat.fleet.member import Member
from exeat.model.mission import Mission, MissionState
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


@final
class Crew:
    """The workers, what each was told, and until when each may serve. ``lease`` in seconds."""

    def __init__(self, clock: Clock, lease: float) -> None:
        self._clock = clock
        self._lease = lease
        self._members: dict[str, Member] = {}
        self._known: dict[str, Mission] = {}
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
        member.load(tuple(self._known.values()))
        self._members[member.name] = member

    def leave(self, member: Member) -> None:
        """Forget a worker whose process has ended: nothing can be sent by it."""
        if self._members.get(member.name) is member:
            del self._members[member.name]

    def grant(self, limit: float) -> None:
        """Let every worker that is current serve for a lease from now, and never beyond ``limit``."""
        until = min(self._clock.boot() + self._lease, limit)
        for member in self._members.values():
            if member.current and until > member.granted:
                member.grant(until)

    async def apply(self, mission: Mission) -> Applied:
        """Tell every worker, and return when each has confirmed or its lease has run out; then wait for tokens' ends.

        Raise UnavailableError when one can't take an open mission; what takes rights away never fails.
        """
        started = self._clock.boot()
        if mission.state.final:
            self._known.pop(mission.id, None)
        else:
            self._known[mission.id] = mission
        told = self.members
        answers = await asyncio.gather(*(self._change(member, mission) for member in told))
        cut_at = self._clock.boot()
        fault = next((answer.fault for answer in answers if answer.fault), "")
        if fault and mission.state is MissionState.OPEN:
            raise UnavailableError(f"a worker can't take the mission: {fault}")
        lapsed = tuple(member.name for member, answer in zip(told, answers, strict=True) if not answer.confirmed)
        ended: Sequence[Ended] = ()
        if mission.state is not MissionState.OPEN:
            confirmed = [member for member, answer in zip(told, answers, strict=True) if answer.confirmed]
            ended = await asyncio.gather(*(self._end(member, mission.id) for member in confirmed))
        over = self._clock.boot()
        return Applied(
            sum(answer.cut for answer in answers),
            sum(each.dropped for each in ended),
            sum(each.revoked for each in ended),
            (over - started) * 1000,
            (cut_at - started) * 1000,
            (over - cut_at) * 1000,
            len(told) - len(lapsed),
            lapsed,
            tuple(left for each in ended for left in each.left),
        )

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

    async def _change(self, member: Member, mission: Mission) -> _Answer:
        """Tell one worker, and wait until it has confirmed or what it was granted before has run out."""
        granted = member.granted
        telling = asyncio.ensure_future(member.change(mission))
        done, _ = await asyncio.wait([telling], timeout=max(0.0, granted + _MARGIN - self._clock.boot()))
        fault = telling.exception() if done else None
        if done and fault is None:
            return _Answer(telling.result(), confirmed=True)
        member.current = False
        logger.error("worker %s is behind; it serves nobody until it has caught up", member.name)
        task = asyncio.create_task(self._catch_up(member, telling))
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)
        while self._members.get(member.name) is member:  # once its process has ended, it is nobody's lease that counts
            remaining = granted + _MARGIN - self._clock.boot()
            if remaining <= 0:
                return _Answer(0, confirmed=False, fault=str(fault or ""))
            await asyncio.sleep(min(remaining, _MARGIN))
        return _Answer(0, confirmed=True)

    async def _catch_up(self, member: Member, telling: asyncio.Future[int]) -> None:
        """Trust a worker again when it has answered and taken everything anew."""
        try:
            await asyncio.wait([telling])
            if telling.exception() is not None:
                member.load(tuple(self._known.values()))
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
