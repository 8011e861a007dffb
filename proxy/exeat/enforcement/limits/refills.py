"""Fills leases from the ledger: ahead of need where that can be, else while somebody waits.

One question for one lease at a time. What is lost on the way (a time-out, a crash) counts as used: never too much is handed
out. Must not know: what units are spent on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import final

from exeat.enforcement.limits.allowance import Allowance, Lease, Waiter
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.ports import Clock, Lender

logger = logging.getLogger("exeat.budgets")

_LATE = 5.0
"""Seconds in which the ledger must answer."""
_EMPTY = 0.25
"""Seconds for which "nothing is left" is believed: another worker may give something back."""


@final
class Refills:
    """Asks a ledger for one worker."""

    def __init__(self, ledger: Lender, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def ahead(self, lease: Lease) -> None:
        """Ask for more in the background when little is left."""
        if lease.running_low and self._clock.monotonic() >= lease.empty_until:
            self._start(lease)

    async def take(self, lease: Lease, amount: int, *, part: bool = False) -> int:
        """Spend units, waiting for them: ``amount`` or none, with ``part`` as many as there are.

        Raise RefusalError(STATE_STALE) when the ledger doesn't say.
        """
        moment = self._clock.monotonic()
        if lease.has(amount):
            lease.take(amount, moment)
            return amount
        if not lease.asking and not lease.held and moment < lease.empty_until:
            return 0
        waiter = Waiter(amount, part, asyncio.get_running_loop().create_future())
        lease.waiting.append(waiter)
        if not lease.asking:
            self._start(lease)
        try:
            return await waiter.got
        except asyncio.CancelledError:
            if waiter.got.done() and not waiter.got.cancelled() and waiter.got.exception() is None:
                lease.put(waiter.got.result())
            waiter.got.cancel()
            raise

    async def visit(self, allowance: Allowance, host: str, port: int) -> bool:
        """Whether a mission may go to a place it hasn't been to as far as is known here. Raise as :meth:`take`."""
        bound = allowance.mission.budget.destinations
        if bound is None or (host, port) in allowance.places:
            return True
        if allowance.full:
            return False
        try:
            async with asyncio.timeout(_LATE):
                may = await self._ledger.visit(allowance.mission.id, host, port, bound)
        except Exception as error:
            raise _stale(error) from error
        if may:
            allowance.places.add((host, port))
        else:
            allowance.full = True
        return may

    async def give_back(self, lease: Lease) -> None:
        """Return what lies in a lease unused. When that fails it stays counted as used: it may have arrived."""
        amount, lease.held = lease.held, 0
        if amount:
            async with asyncio.timeout(_LATE):
                await self._ledger.release(lease.mission, lease.kind, amount)

    async def close(self) -> None:
        """Ask no more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, lease: Lease) -> None:
        lease.asking = True
        task = asyncio.get_running_loop().create_task(self._fill(lease))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fill(self, lease: Lease) -> None:
        fault: BaseException = RefusalError(Reason.STATE_STALE, "the budget isn't asked for any more")
        try:
            while (wanted := lease.wanted) > 0:
                async with asyncio.timeout(_LATE):
                    granted = await self._ledger.reserve(lease.mission, lease.kind, wanted, lease.bound)
                lease.put(granted)
                last = granted < wanted
                if last:
                    lease.empty_until = self._clock.monotonic() + _EMPTY
                refused = lease.serve(self._clock.monotonic(), last=last)
                if refused and lease.held:  # too little for who asked here may be enough for somebody elsewhere
                    lease.empty_until = 0.0
                    await self.give_back(lease)
                if not lease.waiting:
                    break
        except Exception as error:  # noqa: BLE001 whatever it is, nobody may go on waiting
            logger.warning("the ledger can't be asked: %s", type(error).__name__)
            fault = error
        finally:
            lease.asking = False
            # Empty unless it failed, or was broken off.
            while lease.waiting:
                waiter = lease.waiting.popleft()
                if not waiter.got.done():
                    waiter.got.set_exception(_stale(fault))


def _stale(error: BaseException) -> RefusalError:
    return RefusalError(Reason.STATE_STALE, f"the budget can't be asked for: {type(error).__name__}"[:200])
