"""``GET /v1/migration``: which shared credentials are still brought, by whom, and what to do next.

Must not know: how anything is counted (``exeat.migration``), who shows it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, final

from exeat.admin.call import Call
from exeat.admin.migration_answers import Migration
from exeat.admin.parameters import Number
from exeat.admin.roles import Permission
from exeat.admin.route import Route, get
from exeat.migration.advice import advice
from exeat.migration.inventory import REMEMBERED, Inventory
from exeat.migration.report import AgentLine, Known, Line, report
from exeat.missions.times import rfc3339
from exeat.model.credential_use import DAY
from exeat.ports import Clock

_DAYS = Number("days", "Days that are looked at, today the last of them.", 30, REMEMBERED)
_STATES = ("shared", "placeholder", "none", "retired", "foreign", "forwarded")


@final
class MigrationCall:
    """The inventory of credentials."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return the route."""
        summary = "Which shared credentials are still brought, by whom, and what to do next"
        return [get("/v1/migration", self.migration, Permission.READ, summary, Migration, query=(_DAYS,))]

    async def migration(self, call: Call) -> dict[str, Any]:
        """Return it; what workers counted within the last second may be missing."""
        known = await self._inventory.known(call.number("days"))
        return await asyncio.to_thread(_answer, known, call.number("days"))


def _answer(known: Known, days: int) -> dict[str, Any]:
    lines = report(known)
    return {
        "time": rfc3339(known.now),
        "days": days,
        "since": rfc3339(known.since * DAY),
        "findings": sum(line.urgent for line in lines),
        "credentials": [_line(line) for line in lines],
    }


def _line(line: Line) -> dict[str, Any]:
    entry = line.registered
    return {
        "fingerprint": line.fingerprint,
        "state": line.state,
        "next": advice(line),
        "registered": entry is not None,
        "services": [name for name in line.services if name],
        "sources": [] if entry is None else list(entry.sources),
        "issuers": {} if entry is None else dict(entry.issuers),
        "retire_by": None if entry is None else _time(entry.retire_by),
        "grade_attainable": None if entry is None else entry.attainable,
        "grade_now": line.grade_now or None,
        "seen": [{"in": place, "host": host, "calls": count} for place, host, count in line.seen],
        "calls": {state: line.calls.get(state, 0) for state in _STATES},
        "real": line.real,
        "share": None if line.share is None else round(line.share, 6),
        "first_used_at": _time(line.first_at),
        "last_used_at": _time(line.last_at),
        "agents": [_agent(each) for each in line.agents],
        "days": [
            {"day": _day(day), "real": real, "placeholder": placeholder, "none": none}
            for day, real, placeholder, none in line.days
        ],
        "trend": line.trend,
        "alerts": line.alerts,
    }


def _agent(line: AgentLine) -> dict[str, Any]:
    return {
        "agent": line.agent,
        "sends": line.sends,
        "real": line.real,
        "placeholder": line.placeholder,
        "none": line.none,
        "last_real_at": _time(line.last_real_at),
        "last_at": _time(line.last_at),
        "missions": list(line.missions),
    }


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
