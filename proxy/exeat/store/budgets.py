"""What missions use up: counters that never pass their bound, distinct destinations, the last activity.

Each change of a counter is one statement, so any number of processes may ask at once. Must not know: how much a worker
borrows at a time, what a kind means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from sqlalchemy import Connection, Float, bindparam, case, delete, func, select, update

from exeat.model.mission import MissionState
from exeat.store.dialect import upsert
from exeat.store.runner import Runner
from exeat.store.tables import budgets, mission_destinations, missions


def reserve(connection: Connection, mission: str, kind: str, wanted: int, bound: int) -> int:
    """Count up by as much of ``wanted`` as the bound still allows, and return how much that was."""
    first = max(0, min(wanted, bound))
    left = bound - budgets.c.used
    grant = case((left <= 0, 0), (left < max(0, wanted), left), else_=max(0, wanted))
    statement = (
        upsert(connection, budgets)
        .values(mission=mission, kind=kind, used=first, granted=first)
        .on_conflict_do_update(
            index_elements=[budgets.c.mission, budgets.c.kind],
            set_={"used": budgets.c.used + grant, "granted": grant},
        )
        .returning(budgets.c.granted)
    )
    return int(connection.execute(statement).scalar_one())


def release(connection: Connection, mission: str, kind: str, amount: int) -> None:
    """Count down by what wasn't used after all, never below zero."""
    back = max(0, amount)
    connection.execute(
        update(budgets)
        .where(budgets.c.mission == mission, budgets.c.kind == kind)
        .values(used=case((budgets.c.used < back, 0), else_=budgets.c.used - back))
    )


def used(connection: Connection, mission: str) -> dict[str, int]:
    """What a mission has used up, by kind."""
    rows = connection.execute(select(budgets.c.kind, budgets.c.used).where(budgets.c.mission == mission))
    return {row.kind: row.used for row in rows}


def visit(connection: Connection, mission: str, host: str, port: int, bound: int) -> bool:
    """Whether a mission may go to a place: it was there before, or one more is within the bound.

    Two that ask for the same new place at once take turns at its row, two different ones at the counter's.
    """
    place = mission_destinations.c
    here = (place.mission == mission) & (place.host == host) & (place.port == port)
    if connection.execute(select(place.mission).where(here)).first() is not None:
        return True
    added = connection.execute(
        upsert(connection, mission_destinations)
        .values(mission=mission, host=host, port=port)
        .on_conflict_do_nothing()
        .returning(place.mission)
    ).first()
    if added is None or reserve(connection, mission, "destinations", 1, bound) == 1:
        return True
    connection.execute(delete(mission_destinations).where(here))
    return False


def activity(connection: Connection, times: Mapping[str, float]) -> None:
    """Note when missions were last active; an earlier time changes nothing."""
    if times:
        at = bindparam("at", type_=Float)
        later = missions.c.active_at.is_(None) | (missions.c.active_at < at)
        statement = update(missions).where(missions.c.id == bindparam("mission"), later).values(active_at=at)
        # In one order, so that two writers don't wait for each other.
        connection.execute(statement, [{"mission": mission, "at": times[mission]} for mission in sorted(times)])


def idle_missions(connection: Connection, now: float) -> list[str]:
    """Open missions without a request for longer than they may be; a mission's opening counts as one."""
    last = func.coalesce(missions.c.active_at, missions.c.opened_at)
    statement = select(missions.c.id).where(
        missions.c.state == MissionState.OPEN.value, missions.c.idle.is_not(None), last + missions.c.idle <= now
    )
    return list(connection.execute(statement.order_by(missions.c.id)).scalars())


@final
class StoredLedger:
    """``ports.Ledger`` on a store."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def reserve(self, mission: str, kind: str, wanted: int, bound: int) -> int:
        """See ``ports.Ledger``."""
        return await self._runner.run(reserve, mission, kind, wanted, bound)

    async def release(self, mission: str, kind: str, amount: int) -> None:
        """See ``ports.Ledger``."""
        await self._runner.run(release, mission, kind, amount)

    async def used(self, mission: str) -> Mapping[str, int]:
        """See ``ports.Ledger``."""
        return await self._runner.run(used, mission)

    async def visit(self, mission: str, host: str, port: int, bound: int) -> bool:
        """See ``ports.Ledger``."""
        return await self._runner.run(visit, mission, host, port, bound)

    async def activity(self, mission: str, at: float) -> None:
        """See ``ports.Ledger``."""
        await self._runner.run(activity, {mission: at})

    async def activities(self, times: Mapping[str, float]) -> None:
        """See ``ports.Ledger``."""
        await self._runner.run(activity, times)

    async def idle_missions(self, now: float) -> Sequence[str]:
        """See ``ports.Ledger``."""
        return await self._runner.run(idle_missions, now)
