"""What missions use up and when they last did something, as the control plane sees it: which of them end by that.

Stands between the workers and the ledger. Must not know: how anything is counted or stored, workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from exeat.model.mission import Mission, MissionState, report_every
from exeat.ports import Clock, Ledger

_ENDING = ("requests", "bytes", "cost")
"""Budgets whose end is the mission's; without writes or new destinations it may still do what is left."""
_QUIET = 2.0
"""Seconds without activity after which a mission with nothing left ends: workers tell of open exchanges once a second."""
_SLACK = 0.75
"""Seconds that the word of an activity may be under way."""
_WRITTEN = 1.0
"""Seconds between two notes of activity in the ledger."""
_KEPT = 128
"""Ended missions that may be remembered before they are looked for."""
_LOOK = 1.0
"""Seconds between two looks at the same mission's counters."""


@final
class Usage:
    """Implements ``ports.Lender`` for the workers of this host. ``shared``: those of other hosts use the same ledger."""

    def __init__(self, ledger: Ledger, clock: Clock, *, shared: bool = False) -> None:
        self._ledger = ledger
        self._clock = clock
        self._shared = shared
        self._moved: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self._unwritten: dict[str, float] = {}
        self._written_at = 0.0
        self._spending: dict[str, float] = {}
        """When the counters of those that use up something were last looked at."""
        self._touched: set[str] = set()
        """Those that used up more since."""

    async def reserve(self, mission: str, kind: str, wanted: int, bound: int) -> int:
        """As the ledger; a mission that uses up anything is looked at."""
        granted = await self._ledger.reserve(mission, kind, wanted, bound)
        if kind in _ENDING:
            self._spending.setdefault(mission, 0.0)
            self._touched.add(mission)
            self._heard[mission] = self._clock.monotonic()  # what asks for it is about to begin
        return granted

    async def release(self, mission: str, kind: str, amount: int) -> None:
        """As the ledger."""
        await self._ledger.release(mission, kind, amount)

    async def visit(self, mission: str, host: str, port: int, bound: int) -> bool:
        """As the ledger."""
        return await self._ledger.visit(mission, host, port, bound)

    async def used(self, mission: str) -> Mapping[str, int]:
        """As the ledger."""
        return await self._ledger.used(mission)

    async def activity(self, mission: str, at: float) -> None:
        """Note it. Hearing of a mission at all says that something of it is open."""
        moment = self._clock.monotonic()
        self._heard[mission] = moment
        moved = moment - max(0.0, self._clock.time() - at)
        self._moved[mission] = max(moved, self._moved.get(mission, moved))
        self._unwritten[mission] = at

    async def write(self) -> None:
        """Note in the ledger, for those who start later and for other hosts, when missions did something; for all of them at once."""
        moment = self._clock.monotonic()
        if self._unwritten and moment - self._written_at >= _WRITTEN:
            self._written_at = moment
            times, self._unwritten = self._unwritten, {}
            await self._ledger.activities(times)

    async def idle(self, missions: Iterable[Mission]) -> list[Mission]:
        """Those that did nothing for as long as they may; the first look at one counts as activity, and so does suspension."""
        moment = self._clock.monotonic()
        found = []
        for mission in missions:
            if mission.idle is None:
                continue
            if mission.state is MissionState.SUSPENDED:
                self._moved[mission.id] = moment
            quiet = moment - self._moved.setdefault(mission.id, moment)
            if quiet >= mission.idle + report_every(mission.idle) + _SLACK:
                found.append(mission)
        if found and self._shared:
            elsewhere = set(await self._ledger.idle_missions(self._clock.time() - _WRITTEN - _SLACK))
            return [mission for mission in found if mission.id in elsewhere]
        return found

    async def used_up(self, missions: Mapping[str, Mission]) -> list[tuple[Mission, str]]:
        """Those with nothing left of a budget, and with no exchange open; with the kind."""
        moment = self._clock.monotonic()
        found = []
        if len(self._moved) + len(self._heard) > 2 * len(missions) + _KEPT:
            for gone in {*self._moved, *self._heard} - missions.keys():
                self._forget(gone)
        for mission_id, looked in list(self._spending.items()):
            mission = missions.get(mission_id)
            if mission is None:
                self._forget(mission_id)
            elif moment - looked >= _LOOK:
                self._spending[mission_id] = moment
                self._touched.discard(mission_id)
                kind = await self._gone(mission)
                if not kind and mission_id in self._touched:
                    continue
                if not kind:
                    self._spending.pop(mission_id, None)
                elif moment - self._heard.get(mission_id, moment) >= _QUIET:
                    found.append((mission, kind))
        return found

    async def _gone(self, mission: Mission) -> str:
        used = await self._ledger.used(mission.id)
        bounds = mission.budget.bounds()
        return next((kind for kind in _ENDING if kind in bounds and used.get(kind, 0) >= bounds[kind]), "")

    def _forget(self, mission_id: str) -> None:
        for table in (self._spending, self._moved, self._heard):
            table.pop(mission_id, None)
        self._touched.discard(mission_id)
