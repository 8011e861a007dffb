"""One host among others on one store: it learns of every change in time, or stops serving.

The lease. Before it asks the store it looks at the clock. When the answer says that what it has acted on is the newest there
is, its workers may serve until a lease after that look. Whoever changes a mission commits, and then waits until every
replica has confirmed that version, or until a lease has passed since: one that asked before the commit is over by then, and
one that asks later hears of it first. No clock is compared with another machine's, and when the store can't be reached,
time alone settles it. Must not know: connections, SQL, how a change is made.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import final

from exeat.errors import UnavailableError
from exeat.fleet.crew import Change, Crew
from exeat.fleet.standing import Acted, Read, Told
from exeat.model.mission import Mission
from exeat.ports import Applied, Clock, Feed, Replicas

logger = logging.getLogger("exeat.replica")

_PAGE = 500
"""Changed missions read at once."""
_OWN = 1000
"""Changes made here that are remembered as such: the feed tells of them too, within a second."""
_LOOK = 0.05
"""Seconds between two looks at who has confirmed, in case that nobody tells of it."""
_MARGIN = 0.005
"""Seconds waited beyond a lease, for clocks of machines that run a little faster than others."""


@final
class Replica:
    """Implements ``standing.Standing``: keeps one crew as new as the store. ``lease`` in seconds."""

    def __init__(
        self,
        replica: str,
        name: str,
        feed: Feed,
        replicas: Replicas,
        crew: Crew,
        clock: Clock,
        lease: float,
    ) -> None:
        self.replica, self.name = replica, name
        self._feed, self._replicas, self._crew, self._clock, self._lease = feed, replicas, crew, clock, lease
        self.told: Told = lambda _: None
        self.acted: Acted = lambda _, __: None
        self.read: Read = self._nothing
        self._history = ""
        self._seen = 0
        self._own: OrderedDict[str, Mission] = OrderedDict()
        self._woken = asyncio.Event()
        self._acks = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Register, read everything and get the first lease; raise UnavailableError when the store can't be reached."""
        await self._anew()
        await self._confirm()
        self._endings = [self._feed.listen(self._woken.set), self._replicas.listen(self._acks.set)]
        self._spawn(self._keep())

    async def stop(self) -> None:
        """Leave: nobody waits for this replica any more. Its workers must have ended."""
        for end in self._endings:
            end()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(self._lease):
                await self._replicas.leave(self.replica)
        except (UnavailableError, TimeoutError):
            logger.warning("the store can't be told that replica %s leaves", self.name)

    async def apply(self, mission: Mission) -> Applied:
        """Act on a change made here, and wait until every other replica has or can't serve; call it after the commit.

        Raise UnavailableError as :meth:`Crew.apply` does.
        """
        started = self._clock.boot()
        self._remember(mission)
        here = asyncio.ensure_future(self._crew.change(mission))
        lapsed = await self._others()
        change = await here
        cut_at = self._clock.boot()
        applied = await self._crew.settle(change)
        return replace(
            applied,
            milliseconds=(self._clock.boot() - started) * 1000,
            cut_ms=(cut_at - started) * 1000,
            lapsed=(*applied.lapsed, *lapsed),
        )

    async def elsewhere(self) -> tuple[str, ...]:
        """See :class:`exeat.fleet.standing.Standing`."""
        return await self._others()

    async def _nothing(self) -> None:
        pass

    # --- what others changed ----------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Confirm again and again, at once when there is news."""
        while True:
            try:
                await self._confirm()
            except Exception as error:
                known = isinstance(error, UnavailableError)
                logger.warning("replica %s can't confirm: %s", self.name, error, exc_info=None if known else error)
                await asyncio.sleep(self._lease / 10)
                continue
            try:
                async with asyncio.timeout(self._lease / 4):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()

    async def _confirm(self) -> None:
        """Ask until what was acted on is the newest; then let the crew serve for a lease from before the question."""
        while True:
            asked = self._clock.boot()
            try:
                async with asyncio.timeout(self._lease):  # a later answer would be of no use
                    answer = await self._replicas.confirm(self.replica, self._seen)
            except TimeoutError:
                raise UnavailableError("the store didn't answer in time") from None
            if answer.lapsed or answer.history != self._history or answer.version < self._seen:
                logger.warning(
                    "replica %s was taken for gone, or the store lost changes: it reads everything anew", self.name
                )
                await self._anew()
            elif answer.version > self._seen:
                await self._catch_up()
            else:
                self._crew.grant(asked + self._lease)
                return

    async def _anew(self) -> None:
        await self._replicas.register(self.replica, self.name)
        live = await self._feed.live_and_version()
        newest = [self._newest(mission) for mission in live.missions]
        await self._crew.reload([mission for mission in newest if not mission.state.final])
        self.told(live.missions)
        await self.read()
        self._seen, self._history = live.version, live.history

    async def _catch_up(self) -> None:
        """Act on everything that changed, and only then count it as seen: a page alone is complete up to nothing."""
        version, more = self._seen, True
        while more:
            changed = await self._feed.changed_since(version, _PAGE)
            version, more = changed.version, changed.more
            self.told(changed.missions)
            changes = await asyncio.gather(
                *(self._crew.change(self._newest(mission)) for mission in changed.missions), return_exceptions=True
            )
            for change in changes:
                if isinstance(change, Change):
                    self._spawn(self._settle(change))
                else:  # an open mission that doesn't fit here: it is refused here, and nothing is lost by it
                    logger.error("a mission isn't served here: %s", change)
        await self.read()
        self._seen = version

    async def _settle(self, change: Change) -> None:
        applied = await self._crew.settle(change)
        if change.mission.state.final and change.mission != self._own.get(change.mission.id):
            self.acted(applied, change.mission)

    # --- what was changed here ----------------------------------------------------------------------------------------------

    def _remember(self, mission: Mission) -> None:
        self._own[mission.id] = mission
        self._own.move_to_end(mission.id)
        while len(self._own) > _OWN:
            self._own.popitem(last=False)

    def _newest(self, mission: Mission) -> Mission:
        """A mission as read, or as it was changed here since it was read: else what has just ended would begin again."""
        own = self._own.get(mission.id)
        return own if own is not None and own.revision > mission.revision else mission

    async def _others(self) -> tuple[str, ...]:
        """Wait until every other replica has confirmed the newest version, or for a lease; return who hadn't.

        The lease is counted from after the version was read. Others may have changed something between the change that is
        waited for and that reading, and a replica that is behind them only may serve for a lease from their commit: it must not
        be taken for gone any sooner.
        """
        deadline = self._deadline()
        try:
            async with asyncio.timeout(deadline - self._clock.boot()):
                version = await self._feed.feed_version()
            deadline = self._deadline()
            pending = await self._behind(version, deadline)
        except (UnavailableError, TimeoutError):
            await asyncio.sleep(max(0.0, deadline - self._clock.boot()))
            return ("replicas that the store can't name now",)
        if not pending:
            return ()
        try:
            async with asyncio.timeout(self._lease):
                return tuple(await self._replicas.lapse(pending, version))
        except (UnavailableError, TimeoutError):
            return tuple(pending)

    async def _behind(self, version: int, deadline: float) -> Sequence[str]:
        """The other replicas that haven't confirmed a version, as soon as there are none or when the deadline has come."""
        while True:
            self._acks.clear()
            async with asyncio.timeout(max(self._lease, deadline - self._clock.boot())):
                pending = [each for each in await self._replicas.pending(version) if each != self.replica]
            left = deadline - self._clock.boot()
            if not pending or left <= 0:
                return pending
            await self._first(self._acks.wait(), asyncio.sleep(min(left, _LOOK)))

    def _deadline(self) -> float:
        """When every lease that was granted up to now has surely run out."""
        return self._clock.boot() + self._lease + _MARGIN

    async def _first(self, *work: Awaitable[object]) -> None:
        waiting = [asyncio.ensure_future(each) for each in work]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
