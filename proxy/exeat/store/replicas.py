"""Who acts on missions, and up to which version of the feed.

A replica that hears from :meth:`Replicas.confirm` that the newest version is the one it has acted on was complete at
that moment, and stays fresh for one lease from before it asked. Whoever takes rights away commits, then waits until no
registered replica is behind, or until a whole lease has passed by its own clock, and marks those still behind as lapsed:
they are not fresh any more, and have to register anew. No two clocks are compared. Must not know: how long a lease is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import final

from sqlalchemy import Connection, delete, insert, select, update

from exeat.ports import Confirmed
from exeat.store import feed
from exeat.store.dialect import history, may_be_lost
from exeat.store.notices import Channel, notify
from exeat.store.runner import Runner
from exeat.store.tables import replicas


def register(connection: Connection, replica: str, name: str, now: float) -> None:
    """Enter a replica that has seen nothing yet."""
    connection.execute(delete(replicas).where(replicas.c.id == replica))
    connection.execute(
        insert(replicas).values(id=replica, name=name, acked=0, lapsed=False, started_at=now, seen_at=now)
    )


def confirm(connection: Connection, replica: str, seen: int, now: float) -> Confirmed:
    """Note what a replica has acted on, and tell the newest version.

    A confirmation that a crash undoes makes others wait for longer, and no more than that: so it doesn't wait for the disk,
    and who waits for it hears of it earlier.
    """
    may_be_lost(connection)
    mine = replicas.c.id == replica
    known = connection.execute(select(replicas.c.acked, replicas.c.lapsed).where(mine).with_for_update()).first()
    newest = feed.version(connection)
    if known is None or known.lapsed:
        return Confirmed(newest, lapsed=True, history=history(connection))
    acked = max(known.acked, min(seen, newest))
    connection.execute(update(replicas).where(mine).values(acked=acked, seen_at=now))
    if acked != known.acked:
        notify(connection, Channel.ACKS)
    return Confirmed(newest, lapsed=False, history=history(connection))


def pending(connection: Connection, version: int) -> list[str]:
    """Who may still act on what was before a version."""
    statement = select(replicas.c.id).where(replicas.c.acked < version, replicas.c.lapsed.is_(False))
    return list(connection.execute(statement.order_by(replicas.c.id)).scalars())


def lapse(connection: Connection, ids: Collection[str], version: int) -> list[str]:
    """Mark those of ``ids`` that are still behind a version, and return them."""
    behind = replicas.c.id.in_(sorted(ids)), replicas.c.acked < version, replicas.c.lapsed.is_(False)
    done = connection.execute(update(replicas).where(*behind).values(lapsed=True).returning(replicas.c.id))
    lapsed = sorted(done.scalars())
    if lapsed:
        notify(connection, Channel.ACKS)
    return lapsed


def leave(connection: Connection, replica: str) -> None:
    """Take a replica out that acts no more."""
    connection.execute(delete(replicas).where(replicas.c.id == replica))
    notify(connection, Channel.ACKS)


def clean(connection: Connection, older_than: float) -> int:
    """Forget lapsed ones. Any other may still be fresh, however long ago its clock says it was seen."""
    return connection.execute(delete(replicas).where(replicas.c.lapsed, replicas.c.seen_at < older_than)).rowcount


@final
class StoredReplicas:
    """``ports.Replicas`` on a store."""

    def __init__(self, runner: Runner, now: Callable[[], float]) -> None:
        self._runner = runner
        self._now = now

    async def register(self, replica: str, name: str) -> None:
        """See ``ports.Replicas``."""
        await self._runner.run(register, replica, name, self._now())

    async def confirm(self, replica: str, seen: int) -> Confirmed:
        """See ``ports.Replicas``."""
        return await self._runner.run(confirm, replica, seen, self._now())

    async def pending(self, version: int) -> Sequence[str]:
        """See ``ports.Replicas``."""
        return await self._runner.run(pending, version)

    async def lapse(self, replicas: Collection[str], version: int) -> Sequence[str]:
        """See ``ports.Replicas``."""
        return await self._runner.run(lapse, replicas, version)

    async def leave(self, replica: str) -> None:
        """See ``ports.Replicas``."""
        await self._runner.run(leave, replica)

    async def clean(self, older_than: float) -> int:
        """See ``ports.Replicas``."""
        return await self._runner.run(clean, older_than)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """See ``ports.Replicas``."""
        return self._runner.listen(Channel.ACKS, callback)
