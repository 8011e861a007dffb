"""``/v1/destinations``: the admins' ceiling, looked at and looked after.

Must not know: who may call (``guard``), how a change is made (``missions.destinations``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, final

from exeat.admin.bodies import DestinationBody
from exeat.admin.call import Call
from exeat.admin.context import Places
from exeat.admin.parameters import Number, Segment, Text
from exeat.admin.place_answers import Destination, DestinationList, DestinationRemoved, DestinationReport
from exeat.admin.roles import Permission
from exeat.admin.route import Route, delete, get, post
from exeat.errors import NotFoundError
from exeat.missions.destination_report import DAY, Line, report
from exeat.missions.destinations import DestinationRequest
from exeat.missions.ids import DESTINATION_ID
from exeat.missions.times import rfc3339
from exeat.model.mission import AllowedDestination, Mission
from exeat.ports import Clock

_MOST = 3650
_UNUSED = Number("unused", "Days without use that are a finding.", 90, _MOST)
_EXPIRING = Number("expiring", "Days before its end from which an entry is a finding.", 30, _MOST)
_REASON = Text(
    "reason", "Why; goes into the record.", r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,1000}", "write one plain line"
)
_ID = Segment(
    "id", "destination id", DESTINATION_ID.pattern, "Entries of the configuration have none: remove them from its file."
)


@final
class DestinationCalls:
    """Handlers of the destination calls; ``live`` are the missions that haven't ended."""

    def __init__(self, places: Places, live: Callable[[], Awaitable[Sequence[Mission]]], clock: Clock) -> None:
        self._places = places
        self._destinations = places.destinations
        self._live = live
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        read, administer = Permission.READ, Permission.ADMINISTER
        return [
            get("/v1/destinations", self.list, read, "Every entry of the ceiling", DestinationList),
            post(
                "/v1/destinations", self.add, administer, "Allow a destination, in every worker at once", Destination,
                body=DestinationBody, status=201,
            ),
            get(
                "/v1/destinations/report", self.report, read, "What is unused, shadowed or about to expire",
                DestinationReport, query=(_UNUSED, _EXPIRING),
            ),
            delete(
                "/v1/destinations/{id}", self.remove, administer, "Take an added destination away, at once",
                DestinationRemoved, segments=(_ID,), query=(_REASON,), problems=(NotFoundError,),
            ),
        ]  # fmt: skip

    async def list(self, _call: Call) -> dict[str, Any]:
        """Return every entry, those of the configuration first."""
        now = self._clock.time()
        return {"destinations": [view(each, now) for each in self._destinations.ceilings().destinations]}

    async def add(self, call: Call, body: DestinationBody) -> dict[str, Any]:
        """Allow a destination; it holds in every worker when this answers."""
        wanted = DestinationRequest(body.destination, body.owner, body.reason, body.expires_seconds, body.ticket)
        return view(await self._destinations.add(wanted, call.by), self._clock.time())

    async def remove(self, call: Call) -> dict[str, Any]:
        """Take an added entry away; nothing goes there any more when this answers, unless another entry allows it."""
        removed = await self._destinations.remove(call.path["id"], call.by, call.text("reason") or "")
        shown = view(removed.entry, self._clock.time())
        return shown | {"state": "removed", "applied": removed.applied.as_dict()}

    async def report(self, call: Call) -> dict[str, Any]:
        """Say which entries are unused, shadowed or about to expire, and who depends on each."""
        unused, expiring = call.number("unused"), call.number("expiring")
        now = self._clock.time()
        lines = report(
            self._destinations.ceilings().destinations,
            await self._places.uses.all(),
            {mission.id: mission.destinations for mission in await self._live()},
            {name: template.destinations for name, template in self._places.templates.items()},
            now,
            unused=unused * DAY,
            expiring=expiring * DAY,
        )
        return {
            "unused_days": unused,
            "expiring_days": expiring,
            "findings": sum(len(line.worries) for line in lines),
            "destinations": [_line(line, now) for line in lines],
        }


def view(entry: AllowedDestination, now: float) -> dict[str, Any]:
    """Return an entry for JSON."""
    return {
        "id": entry.id or None,
        "destination": str(entry.pattern),
        "owner": entry.owner,
        "reason": entry.reason,
        "ticket": entry.ticket,
        "expires_at": rfc3339(entry.expires),
        "state": "allowed" if now < entry.expires else "expired",
        "source": "store" if entry.id else "configuration",
        "added_by": entry.added_by,
        "added_at": None if entry.added_at is None else rfc3339(entry.added_at),
    }


def _line(line: Line, now: float) -> dict[str, Any]:
    return view(line.entry, now) | {
        "last_used_at": None if line.use.used_at is None else rfc3339(line.use.used_at),
        "last_used_by": line.use.agent,
        "last_mission": line.use.mission,
        "findings": [{"kind": worry.kind, "message": worry.message} for worry in line.worries],
        "missions": list(line.missions),
        "templates": list(line.templates),
    }
