"""Work that one process does at a time.

What is guaranteed: at any moment at most one *token* is current, tokens grow, and a write that asks :func:`fenced` in
its own transaction is carried out only under the current one. What is not: that a holder who was suspended, or whose
clock or the database's jumped, has stopped working when the next one begins; what it does outside this database must
bear being done twice, or carry the token to somebody who compares it. The database's clock only decides how long others
wait. Must not know: what the work is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, final

from sqlalchemy import Connection, case, or_, select, update

from exeat.errors import ConflictError
from exeat.store.dialect import database_time, upsert
from exeat.store.runner import Runner
from exeat.store.tables import leases


def take(connection: Connection, name: str, holder: str, seconds: float) -> int | None:
    """Become the holder for a while, and return the new token; None while somebody else is."""
    now = database_time(connection)
    statement = (
        upsert(connection, leases)
        .values(name=name, holder=holder, until=now + seconds, token=1)
        .on_conflict_do_update(
            index_elements=[leases.c.name],
            set_={"holder": holder, "until": now + seconds, "token": leases.c.token + 1},
            where=or_(leases.c.until <= now, leases.c.holder == holder),
        )
        .returning(leases.c.token)
    )
    token = connection.execute(statement).scalar()
    return None if token is None else int(token)


def renew(connection: Connection, name: str, token: int, seconds: float) -> bool:
    """Hold it for longer; False when another one has taken it, or it was given back."""
    until = database_time(connection) + seconds
    mine = leases.c.name == name, leases.c.token == token, leases.c.holder != ""
    statement = update(leases).where(*mine).values(until=case((leases.c.until > until, leases.c.until), else_=until))
    return connection.execute(statement).rowcount == 1


def give_back(connection: Connection, name: str, token: int) -> None:
    """Let the next one in at once; does nothing for an old token."""
    mine = leases.c.name == name, leases.c.token == token
    connection.execute(update(leases).where(*mine).values(until=0.0, holder=""))


def fenced(connection: Connection, name: str, token: int) -> None:
    """Raise ConflictError unless the token is the current one; until this transaction ends, nobody takes the lease."""
    row = connection.execute(
        select(leases.c.token, leases.c.holder).where(leases.c.name == name).with_for_update()
    ).first()
    if row is None or row.token != token or not row.holder:
        raise ConflictError(f"{name} has another holder by now", "take the lease again, and begin anew")


@final
class StoredLeases:
    """``ports.Leases`` on a store."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def take(self, name: str, holder: str, seconds: float) -> int | None:
        """See ``ports.Leases``."""
        return await self._runner.run(take, name, holder, seconds)

    async def renew(self, name: str, token: int, seconds: float) -> bool:
        """See ``ports.Leases``."""
        return await self._runner.run(renew, name, token, seconds)

    async def give_back(self, name: str, token: int) -> None:
        """See ``ports.Leases``."""
        await self._runner.run(give_back, name, token)

    async def fenced[**Given, Result](
        self,
        name: str,
        token: int,
        work: Callable[Concatenate[Connection, Given], Result],
        *arguments: Given.args,
        **options: Given.kwargs,
    ) -> Result:
        """Run ``work`` in a transaction in which the token is current; raise ConflictError when it isn't."""

        def guarded(connection: Connection) -> Result:
            fenced(connection, name, token)
            return work(connection, *arguments, **options)

        return await self._runner.run(guarded)
