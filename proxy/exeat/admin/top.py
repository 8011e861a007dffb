"""``GET /v1/top``: what goes on at this moment, in one answer.

Must not know: who shows it.
"""

from __future__ import annotations

from typing import Any, final

from exeat.admin.call import Call
from exeat.admin.context import AdminContext
from exeat.admin.missions import view
from exeat.admin.parameters import Number
from exeat.admin.place_answers import Top
from exeat.admin.roles import Permission
from exeat.admin.route import Route, get
from exeat.missions.times import rfc3339
from exeat.model.mission import Mission

_LIMIT = Number("limit", "How many missions at most.", 50, 1000)


@final
class TopCall:
    """The busiest live missions, rates, refusals by reason, approvals, workers."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        """Return the route."""
        return [get("/v1/top", self.top, Permission.READ, "What goes on at this moment", Top, query=(_LIMIT,))]

    async def top(self, call: Call) -> dict[str, Any]:
        """Return it: the missions with the most requests first, then the newest."""
        context, traffic = self._context, self._context.traffic
        live = await context.live()

        def busy(mission: Mission) -> tuple[int, str]:
            counts = traffic.mission(mission.id)
            return counts.permitted + counts.refused, mission.id

        shown = sorted(live, key=busy, reverse=True)[: call.number("limit")]
        pending = None if context.pending_approvals is None else await context.pending_approvals()
        return {
            "time": rfc3339(context.clock.time()),
            "healthy": all((await context.ready()).values()),
            "live_missions": len(live),
            "rates": traffic.rates(),
            "refusals": traffic.reasons(),
            "approvals_pending": pending,
            "workers": traffic.workers(),
            "missions": [await self._mission(mission) for mission in shown],
        }

    async def _mission(self, mission: Mission) -> dict[str, Any]:
        counts, bounds = self._context.traffic.mission(mission.id), mission.budget.bounds()
        used = await self._context.control.used(mission.id) if bounds else {}
        return view(mission) | {
            "requests": counts.permitted + counts.refused,
            "refusals": counts.refused,
            "used": {kind: used.get(kind, 0) for kind in bounds},
        }
