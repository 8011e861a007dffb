"""Budgets as the gate sees them: what a permit costs is taken before it is recorded, what a body costs before it passes.

A mission's use counts against its own budget and against that of every mission above it. What is lent and not used is given
back. Must not know: how a request is judged, any engine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, final

from exeat.enforcement.limits.allowance import Allowance, Lease, line_of
from exeat.enforcement.limits.meter import Meter, Need, exhausted
from exeat.enforcement.limits.refills import Refills
from exeat.errors import RefusalError
from exeat.model.decision import Deny, Permit
from exeat.model.mission import Mission, report_every
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.ports import Clock, Lender

logger = logging.getLogger("exeat.budgets")

TICK = 0.25
"""Seconds between two rounds of telling what moved and giving back what lies idle."""
_IDLE = 1.0
"""Seconds without use after which a lease is given back."""

Wanted = Callable[[], Awaitable[Meter | Deny]]
"""Gets what a permit costs from the ledger; never raises an Exception."""


@final
class Budgets:
    """The allowances of one worker, by mission. Single-threaded: everything happens on the worker's loop."""

    def __init__(self, ledger: Lender, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._refills = Refills(ledger, clock)
        self._known: dict[str, Allowance] = {}
        self._parents: dict[str, str] = {}
        self._lines: dict[str, tuple[Allowance, ...]] = {}
        self._active: set[Allowance] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def apply(self, mission: Mission) -> None:
        """Take over a mission as it is now; of an ended one nothing is kept, and what it still held is given back."""
        if mission.state.final:
            self._lines.pop(mission.id, None)
            self._parents.pop(mission.id, None)
            gone = self._known.pop(mission.id, None)
            if gone is not None:
                self._active.discard(gone)
                for lease in list(gone.held()):
                    self._behind(self._refills.give_back(lease))
            return
        if mission.parent:
            self._parents[mission.id] = mission.parent
        known = self._known.get(mission.id)
        if known is not None:
            known.mission = mission
        elif mission.idle is not None or mission.budget.bounds():
            self._known[mission.id] = Allowance.of(mission)
        line = line_of(mission.id, self._parents, self._known)
        if line:
            self._lines[mission.id] = line

    def charge(
        self, mission: str, permit: Permit, request: CanonicalRequest, body: int
    ) -> Meter | Wanted | Deny | None:
        """Take what a permit costs, with ``body`` bytes of it in hand already.

        None where nothing of the mission is counted. A Deny when it can't be had; a Wanted when the ledger has to say first.
        """
        line = self._lines.get(mission)
        if line is None:
            return None
        need = Need.of(line, permit, (request.host, request.port), body)
        meter = Meter(line, self._refills, self._clock, self._active)
        if need.is_there():
            meter.pay_for(need)
            return meter
        return lambda: self._obtain(meter, need)

    async def _obtain(self, meter: Meter, need: Need) -> Meter | Deny:
        try:
            lacking = await meter.obtain_for(need)
        except RefusalError as error:
            return Deny(error.reason, need.question, detail=error.detail)
        except Exception:
            logger.exception("a budget can't be asked for")
            return Deny(Reason.STATE_STALE, need.question, detail="the budget can't be asked for")
        return meter if lacking is None else exhausted(lacking, need)

    async def tick(self) -> None:
        """Tell what moved, and give back what lies idle; a failure is logged, and what wasn't told is told next time."""
        moment = self._clock.monotonic()
        for allowance in list(self._active):
            try:
                await self._tell(allowance, moment)
            except Exception as error:  # noqa: BLE001 the next round tries again
                logger.warning("the ledger can't be told: %s", type(error).__name__)
            for lease in [each for each in allowance.held() if moment - each.spent_at >= _IDLE and not each.asking]:
                await self._give_back(lease)
            if not allowance.moved and not allowance.under_way and not any(allowance.held()):
                self._active.discard(allowance)

    async def _tell(self, allowance: Allowance, moment: float) -> None:
        """Say when it last did something; while something is open and nothing may be left, also that it isn't over."""
        mission = allowance.mission
        if not allowance.moved and not (allowance.under_way and allowance.may_be_over):
            return
        if moment - allowance.told_at >= min(1.0, report_every(mission.idle)) or mission.idle is None:
            allowance.moved, allowance.told_at = False, moment
            await self._ledger.activity(mission.id, self._clock.time() - (moment - allowance.moved_at))

    async def _give_back(self, lease: Lease) -> None:
        try:
            await self._refills.give_back(lease)
        except Exception as error:  # noqa: BLE001 it stays counted as used
            logger.warning("the ledger can't be told: %s", type(error).__name__)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            await self.tick()

    async def close(self) -> None:
        """Ask no more, and give back everything."""
        await self._refills.close()
        for allowance in self._known.values():
            for lease in list(allowance.held()):
                await self._give_back(lease)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _behind(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
