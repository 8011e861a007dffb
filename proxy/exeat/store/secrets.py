"""Sealed secrets in the store: ``ports.SealedSecrets``.

Each function is one transaction's work on a connection. A change names the version it was made from, so that of two
writers one is told it came late. Must not know: keys, what a secret opens; it never holds one that is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from exeat.errors import ConflictError, UnavailableError
from exeat.model.sealed import SealedSecret
from exeat.store.feed import count_up
from exeat.store.runner import Runner
from exeat.store.tables import secrets


def get(connection: Connection, name: str) -> SealedSecret | None:
    """One secret."""
    row = connection.execute(select(secrets).where(secrets.c.name == name)).mappings().first()
    return None if row is None else _secret(dict(row))


def every(connection: Connection, prefix: str = "") -> list[SealedSecret]:
    """All whose name begins with ``prefix``, in the order of their names."""
    statement = select(secrets).where(secrets.c.name.startswith(prefix, autoescape=True)).order_by(secrets.c.name)
    return [_secret(dict(row)) for row in connection.execute(statement).mappings()]


def put(connection: Connection, secret: SealedSecret, *, tell: bool = False) -> None:
    """Store version 1 of a new name, or a version after the one that is stored; raise ConflictError otherwise.

    With ``tell`` it counts as a change of the feed, which every replica acts on before others are told that it is made.
    """
    values = {
        "name": secret.name,
        "version": secret.version,
        "sealed": secret.sealed,
        "changed_at": secret.changed_at,
        "changed_by": secret.changed_by,
        "previous": secret.previous,
        "previous_until": secret.previous_until,
    }
    if secret.version == 1:
        try:
            connection.execute(insert(secrets).values(values))
        except IntegrityError:  # not chained: SQLAlchemy's text lists the parameters
            raise _late(secret.name) from None
    else:
        before = (secrets.c.name == secret.name) & (secrets.c.version == secret.version - 1)
        if connection.execute(update(secrets).where(before).values(values)).rowcount != 1:
            raise _late(secret.name)
    if tell:
        count_up(connection)


def reseal(connection: Connection, secret: SealedSecret) -> None:
    """Store the same version sealed anew, under another key; raise ConflictError when there is a newer one."""
    same = (secrets.c.name == secret.name) & (secrets.c.version == secret.version)
    values = {"sealed": secret.sealed, "previous": secret.previous, "previous_until": secret.previous_until}
    if connection.execute(update(secrets).where(same).values(values)).rowcount != 1:
        raise _late(secret.name)


def remove(connection: Connection, name: str, *, tell: bool = False) -> bool:
    """Forget a secret with all its versions; whether there was one."""
    gone = connection.execute(delete(secrets).where(secrets.c.name == name)).rowcount == 1
    if gone and tell:
        count_up(connection)
    return gone


def forget_previous(connection: Connection, now: float) -> int:
    """Forget replaced values whose time is up; how many."""
    over = secrets.c.previous_until <= now
    return connection.execute(update(secrets).where(over).values(previous=None, previous_until=None)).rowcount


def _secret(row: Mapping[str, Any]) -> SealedSecret:
    """A row that can't be read back exactly is an error, never a guess."""
    try:
        return SealedSecret(
            **{**row, "sealed": bytes(row["sealed"]), "previous": row["previous"] and bytes(row["previous"])}
        )
    except (TypeError, ValueError):
        raise UnavailableError(f"the secret {row.get('name')} in the store can't be read") from None


def _late(name: str) -> ConflictError:
    return ConflictError(f"the secret {name!r} was changed meanwhile", "look at it, and begin anew")


@final
class StoredSecrets:
    """The port over a runner of transactions."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def get(self, name: str) -> SealedSecret | None:
        """As the port says."""
        return await self._runner.run(get, name)

    async def every(self, prefix: str = "") -> Sequence[SealedSecret]:
        """As the port says."""
        return await self._runner.run(every, prefix)

    async def put(self, secret: SealedSecret, *, tell: bool = False) -> None:
        """As the port says."""
        await self._runner.run(put, secret, tell=tell)

    async def reseal(self, secret: SealedSecret) -> None:
        """As the port says."""
        await self._runner.run(reseal, secret)

    async def remove(self, name: str, *, tell: bool = False) -> bool:
        """As the port says."""
        return await self._runner.run(remove, name, tell=tell)

    async def forget_previous(self, now: float) -> int:
        """As the port says."""
        return await self._runner.run(forget_previous, now)
