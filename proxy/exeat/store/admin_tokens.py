"""The admin API's tokens in the store: ``ports.AdminTokens``.

Each function is one transaction's work on a connection; a runner decides where it runs. Must not know: secrets, roles, HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from exeat.errors import ConflictError
from exeat.model.admin_token import AdminToken
from exeat.store.runner import Runner
from exeat.store.tables import admin_tokens

_USED = 60.0
"""Seconds between two notes of a token's use: a note is a write, and a dashboard calls every second."""


def add(connection: Connection, token: AdminToken) -> None:
    """Store a token; raise ConflictError while another one of its name isn't revoked."""
    values = {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "digest": token.digest,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
        "revoked_at": token.revoked_at,
    }
    try:
        connection.execute(insert(admin_tokens).values(values))
    except IntegrityError as error:
        hint = f"Take it back first: exeat admin token revoke {token.name}"
        raise ConflictError(f"there is a token {token.name!r} already", hint) from error


def get(connection: Connection, identifier: str) -> AdminToken | None:
    """One token."""
    row = connection.execute(select(admin_tokens).where(admin_tokens.c.id == identifier)).mappings().first()
    return None if row is None else AdminToken(**row)


def find(connection: Connection, identifier: str, now: float) -> AdminToken | None:
    """One token that somebody shows; of a live one the time is noted."""
    token = get(connection, identifier)
    if token is not None and token.live(now) and (token.used_at is None or now - token.used_at >= _USED):
        connection.execute(update(admin_tokens).where(admin_tokens.c.id == identifier).values(used_at=now))
    return token


def page(connection: Connection, limit: int, before: str | None) -> list[AdminToken]:
    """Newest first; after ``before``, and nothing when there is no such token."""
    made, key = admin_tokens.c.created_at, admin_tokens.c.id
    statement = select(admin_tokens).order_by(made.desc(), key.desc()).limit(limit)
    if before is not None:
        last = get(connection, before)
        if last is None:
            return []
        earlier = (made < last.created_at) | ((made == last.created_at) & (key < last.id))
        statement = statement.where(earlier)
    return [AdminToken(**row) for row in connection.execute(statement).mappings()]


def revoke(connection: Connection, identifier: str, now: float) -> None:
    """Note the end of a token that hasn't been taken back yet."""
    live = admin_tokens.c.revoked_at.is_(None)
    connection.execute(update(admin_tokens).where(admin_tokens.c.id == identifier, live).values(revoked_at=now))


@final
class StoredAdminTokens:
    """The port over a runner of transactions."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def add(self, token: AdminToken) -> None:
        """As the port says."""
        await self._runner.run(add, token)

    async def find(self, identifier: str, now: float) -> AdminToken | None:
        """As the port says."""
        return await self._runner.run(find, identifier, now)

    async def get(self, identifier: str) -> AdminToken | None:
        """As the port says."""
        return await self._runner.run(get, identifier)

    async def page(self, limit: int, before: str | None = None) -> Sequence[AdminToken]:
        """As the port says."""
        return await self._runner.run(page, limit, before)

    async def revoke(self, identifier: str, now: float) -> None:
        """As the port says."""
        await self._runner.run(revoke, identifier, now)
