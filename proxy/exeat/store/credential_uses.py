"""Counts of credentials that were brought, added up for all processes: ``ports.CredentialStore``.

Functions of a connection, run one transaction each by the store's runner. A batch that is told twice is added once. Must not
know: which database it is, what the counts mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from sqlalchemy import Connection, and_, case, delete, func, or_, select, update

from exeat.model.credential_use import DAY, CredentialAlert, CredentialTotal, CredentialUse, Sight
from exeat.store.dialect import upsert
from exeat.store.runner import Runner
from exeat.store.tables import credential_alerts, credential_batches, credential_uses

_ORPHANED = 60.0
"""Seconds after which somebody else records an alert whose writer has not."""
_WRITERS = 86400.0
"""Seconds after which a silent process's last batch is forgotten: it is long gone."""
_KEY = tuple(column.name for column in credential_uses.primary_key.columns)
_ALERT_KEY = tuple(column.name for column in credential_alerts.primary_key.columns)


@final
@dataclass(frozen=True, slots=True)
class StoredCredentialUses:
    """The port over a runner."""

    runner: Runner

    async def add(
        self, writer: str, number: int, uses: Sequence[CredentialUse], alerts: Sequence[CredentialAlert], now: float
    ) -> None:
        """Add a batch."""
        await self.runner.run(_add, writer, number, uses, alerts, now)

    async def unrecorded(self, writer: str, now: float) -> Sequence[CredentialAlert]:
        """Alerts that this writer has to record."""
        return await self.runner.run(_unrecorded, writer, now)

    async def recorded(self, alert: CredentialAlert) -> None:
        """Mark an alert."""
        await self.runner.run(_recorded, alert)

    async def uses(self, since: int) -> Sequence[CredentialUse]:
        """Every count from a day on."""
        return await self.runner.run(_uses, since)

    async def totals(self) -> Sequence[CredentialTotal]:
        """What is known at all."""
        return await self.runner.run(_totals)

    async def alerts(self, since: float) -> Sequence[CredentialAlert]:
        """Alerts that were last seen since a moment."""
        return await self.runner.run(_alerts, since)

    async def tidy(self, fold: int, forget: int) -> None:
        """Keep less of what is older."""
        await self.runner.run(_tidy, fold, forget)


def _add(
    connection: Connection,
    writer: str,
    number: int,
    uses: Sequence[CredentialUse],
    alerts: Sequence[CredentialAlert],
    now: float,
) -> None:
    table = credential_batches
    known = connection.execute(select(table.c.number).where(table.c.writer == writer).with_for_update()).scalar()
    if known is not None and known >= number:
        return  # it was added, and only the answer was lost
    added = upsert(connection, table).values(writer=writer, number=number, at=now)
    connection.execute(added.on_conflict_do_update(index_elements=["writer"], set_={"number": number, "at": now}))
    connection.execute(delete(table).where(table.c.at < now - _WRITERS))
    rows = sorted((_row(use) for use in uses), key=lambda row: tuple(str(row[name]) for name in _KEY))
    _sum_up(connection, rows)
    for each in sorted(alerts, key=lambda each: (each.fingerprint, each.service, each.agent, each.mission)):
        _raise(connection, each, writer)


def _row(use: CredentialUse) -> dict[str, Any]:
    return asdict(use.sight) | {"count": use.count, "first_at": use.first_at, "last_at": use.last_at}


def _sum_up(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add to what is there; in one order everywhere, so that two replicas never wait for each other."""
    if not rows:
        return
    table = credential_uses
    added = upsert(connection, table)
    statement = added.on_conflict_do_update(index_elements=list(_KEY), set_=_merged(table, added.excluded))
    connection.execute(statement, list(rows))


def _merged(table: Any, new: Any) -> dict[str, Any]:
    return {
        "count": table.c.count + new.count,
        "first_at": case((table.c.first_at < new.first_at, table.c.first_at), else_=new.first_at),
        "last_at": case((table.c.last_at > new.last_at, table.c.last_at), else_=new.last_at),
    }


def _raise(connection: Connection, alert: CredentialAlert, writer: str) -> None:
    table = credential_alerts
    added = upsert(connection, table).values(**asdict(alert), writer=writer, recorded=False)
    changes = _merged(table, added.excluded) | {"state": added.excluded.state}
    connection.execute(added.on_conflict_do_update(index_elements=list(_ALERT_KEY), set_=changes))


def _unrecorded(connection: Connection, writer: str, now: float) -> list[CredentialAlert]:
    table = credential_alerts
    mine = or_(table.c.writer == writer, table.c.first_at < now - _ORPHANED)
    statement = select(table).where(table.c.recorded.is_(False)).where(mine).order_by(table.c.first_at)
    return [_alert(row) for row in connection.execute(statement).mappings()]


def _recorded(connection: Connection, alert: CredentialAlert) -> None:
    table = credential_alerts
    which = and_(*(table.c[name] == getattr(alert, name) for name in _ALERT_KEY))
    connection.execute(update(table).where(which).values(recorded=True))


def _uses(connection: Connection, since: int) -> list[CredentialUse]:
    table = credential_uses
    statement = select(table).where(table.c.day >= since).order_by(*(table.c[name] for name in _KEY))
    return [_use(row) for row in connection.execute(statement).mappings()]


def _use(row: Any) -> CredentialUse:
    return CredentialUse(Sight(*(row[name] for name in _KEY)), row["count"], row["first_at"], row["last_at"])


def _totals(connection: Connection) -> list[CredentialTotal]:
    table = credential_uses
    which = (table.c.fingerprint, table.c.service, table.c.state)
    figures = (func.sum(table.c.count), func.min(table.c.first_at), func.max(table.c.last_at))
    found = connection.execute(select(*which, *figures).group_by(*which).order_by(*which))
    return [
        CredentialTotal(name, service, state, int(count), first, last)
        for name, service, state, count, first, last in found
    ]


def _alerts(connection: Connection, since: float) -> list[CredentialAlert]:
    table = credential_alerts
    statement = select(table).where(table.c.last_at >= since).order_by(table.c.first_at, *_by(table))
    return [_alert(row) for row in connection.execute(statement).mappings()]


def _by(table: Any) -> list[Any]:
    return [table.c[name] for name in _ALERT_KEY]


def _alert(row: Any) -> CredentialAlert:
    return CredentialAlert(**{key: value for key, value in row.items() if key not in ("writer", "recorded")})


def _tidy(connection: Connection, fold: int, forget: int) -> None:
    """From before ``fold`` on neither missions, places nor hosts are kept, from before ``forget`` on nothing."""
    table = credential_uses
    connection.execute(delete(table).where(table.c.day < forget))
    connection.execute(delete(credential_alerts).where(credential_alerts.c.last_at < forget * DAY))
    told = or_(table.c.mission != "", table.c.place != "", table.c.host != "")
    old = [_use(row) for row in connection.execute(select(table).where(table.c.day < fold).where(told)).mappings()]
    if not old:
        return
    connection.execute(delete(table).where(table.c.day < fold).where(told))
    for use in old:
        sight = use.sight
        less = Sight(sight.day, sight.fingerprint, sight.service, sight.state, sight.grade, sight.agent)
        _sum_up(connection, [_row(CredentialUse(less, use.count, use.first_at, use.last_at))])
