"""The added entries of the ceiling, and when entries were last used: ``ports.DestinationStore``.

Functions of a connection, run one transaction each by the store's runner; each change of entries is told to the feed. Must not know: which database it is, who may add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from exeat.errors import UnavailableError
from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination
from exeat.model.traffic import LastUse
from exeat.store.feed import count_up
from exeat.store.runner import Runner
from exeat.store.tables import destination_uses, destinations


@final
@dataclass(frozen=True, slots=True)
class StoredDestinations:
    """The port over a runner."""

    runner: Runner

    async def add(self, entry: AllowedDestination) -> None:
        """Store a new entry."""
        await self.runner.run(_add, entry)

    async def get(self, entry_id: str) -> AllowedDestination | None:
        """One entry, removed or not."""
        return await self.runner.run(_get, entry_id)

    async def remove(self, entry_id: str, by: str, now: float) -> None:
        """Mark an entry as removed; the first who did stays on it."""
        await self.runner.run(_remove, entry_id, by, now)

    async def kept(self) -> Sequence[AllowedDestination]:
        """Every entry that wasn't removed."""
        return await self.runner.run(_kept)

    async def uses(self) -> Mapping[str, LastUse]:
        """When each entry was last used."""
        return await self.runner.run(_uses)

    async def used(self, uses: Mapping[str, LastUse]) -> None:
        """Remember uses."""
        await self.runner.run(_used, uses)


def _add(connection: Connection, entry: AllowedDestination) -> None:
    connection.execute(
        insert(destinations).values(
            id=entry.id,
            host=entry.pattern.host,
            port=entry.pattern.port,
            owner=entry.owner,
            reason=entry.reason,
            ticket=entry.ticket,
            expires_at=entry.expires,
            added_by=entry.added_by,
            added_at=entry.added_at,
        )
    )
    count_up(connection)


def _get(connection: Connection, entry_id: str) -> AllowedDestination | None:
    row = connection.execute(select(destinations).where(destinations.c.id == entry_id)).mappings().first()
    return None if row is None else _entry(dict(row))


def _remove(connection: Connection, entry_id: str, by: str, now: float) -> None:
    connection.execute(
        update(destinations)
        .where(destinations.c.id == entry_id)
        .where(destinations.c.removed_at.is_(None))
        .values(removed_by=by, removed_at=now)
    )
    count_up(connection)


def _kept(connection: Connection) -> list[AllowedDestination]:
    statement = select(destinations).where(destinations.c.removed_at.is_(None)).order_by(destinations.c.id)
    return [_entry(dict(row)) for row in connection.execute(statement).mappings()]


def _entry(row: Mapping[str, Any]) -> AllowedDestination:
    """A row that can't be read back exactly is an error, never a guess."""
    try:
        return AllowedDestination(
            DestinationPattern.parse(f"{row['host']}:{row['port']}"),
            row["owner"],
            row["reason"],
            float(row["expires_at"]),
            row["ticket"],
            row["id"],
            row["added_by"],
            float(row["added_at"]),
        )
    except (TypeError, ValueError) as error:
        raise UnavailableError(f"destination {row.get('id')} in the store can't be read") from error


def _uses(connection: Connection) -> dict[str, LastUse]:
    return {
        row["destination"]: LastUse(row["seen_at"], row["used_at"], row["agent"], row["mission"])
        for row in connection.execute(select(destination_uses)).mappings()
    }


def _used(connection: Connection, uses: Mapping[str, LastUse]) -> None:
    table = destination_uses
    for destination, use in uses.items():
        try:
            with connection.begin_nested():  # another replica may have been faster
                values = {"seen_at": use.seen_at, "used_at": use.used_at, "agent": use.agent, "mission": use.mission}
                connection.execute(insert(table).values(destination=destination, **values))
        except IntegrityError:
            if use.used_at is None:
                continue
            connection.execute(
                update(table)
                .where(table.c.destination == destination)
                .where(or_(table.c.used_at.is_(None), table.c.used_at < use.used_at))
                .values(used_at=use.used_at, agent=use.agent, mission=use.mission)
            )
