"""The list of tokens that were issued outside: ``ports.IssuedTokens``.

Each function is one transaction's work on a connection. Must not know: what opens a sealed value, who revokes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, final

from sqlalchemy import Connection, delete, insert, select, update

from exeat.model.issued import IssuedToken, TokenState
from exeat.model.mission import MissionState
from exeat.store.runner import Runner
from exeat.store.tables import issued_tokens, missions, replicas


def add(connection: Connection, token: IssuedToken) -> None:
    """List one; the same id at the same service is listed once, for some issuers hand out one token twice."""
    same = (issued_tokens.c.service == token.service) & (issued_tokens.c.id == token.id)
    row = _row(token)
    if connection.execute(update(issued_tokens).where(same).values(row)).rowcount == 0:
        connection.execute(insert(issued_tokens).values(row))


def of_mission(connection: Connection, mission: str) -> list[IssuedToken]:
    """Everything that a mission ever got and that isn't forgotten yet, oldest first."""
    order = issued_tokens.c.issued_at, issued_tokens.c.id
    rows = connection.execute(select(issued_tokens).where(issued_tokens.c.mission == mission).order_by(*order))
    return [_token(dict(row)) for row in rows.mappings()]


def stranded(connection: Connection, replica: str, now: float) -> list[IssuedToken]:
    """Living tokens of ended missions that nobody else will end: this replica's own, and those of replicas that are gone."""
    there = select(replicas.c.id).where(replicas.c.lapsed.is_(False))
    ours = (issued_tokens.c.replica == replica) | issued_tokens.c.replica.not_in(there)
    over = select(missions.c.id).where(missions.c.state.in_([state.value for state in MissionState if state.final]))
    alive = issued_tokens.c.expires_at.is_(None) | (issued_tokens.c.expires_at > now)
    wanted = (issued_tokens.c.state == TokenState.LIVE.value) & alive & ours & issued_tokens.c.mission.in_(over)
    rows = connection.execute(select(issued_tokens).where(wanted).order_by(issued_tokens.c.issued_at).limit(1000))
    return [_token(dict(row)) for row in rows.mappings()]


def settle(connection: Connection, mission: str, ids: Collection[str], state: TokenState) -> None:
    """Note what became of some of a mission's tokens; what would open one is forgotten once it is revoked."""
    values: dict[str, Any] = {"state": state.value}
    if state is TokenState.REVOKED:
        values["sealed"] = None
    those = (issued_tokens.c.mission == mission) & issued_tokens.c.id.in_(sorted(ids))
    connection.execute(update(issued_tokens).where(those).values(values))


def forget(connection: Connection, before: float) -> int:
    """Forget tokens that expired before a time, and those without an end that were issued before it; how many."""
    expired = issued_tokens.c.expires_at < before
    endless = issued_tokens.c.expires_at.is_(None) & (issued_tokens.c.issued_at < before)
    return connection.execute(delete(issued_tokens).where(expired | endless)).rowcount


def _row(token: IssuedToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "mission": token.mission,
        "session": token.session,
        "service": token.service,
        "kind": token.kind,
        "grade": token.grade,
        "action": token.action,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "replica": token.replica,
        "state": token.state.value,
        "sealed": token.sealed,
    }


def _token(row: Mapping[str, Any]) -> IssuedToken:
    sealed = row["sealed"]
    return IssuedToken(
        **{**row, "state": TokenState(row["state"]), "sealed": None if sealed is None else bytes(sealed)}
    )


@final
class StoredIssued:
    """The port over a runner of transactions."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def add(self, token: IssuedToken) -> None:
        """As the port says."""
        await self._runner.run(add, token)

    async def of_mission(self, mission: str) -> Sequence[IssuedToken]:
        """As the port says."""
        return await self._runner.run(of_mission, mission)

    async def stranded(self, replica: str, now: float) -> Sequence[IssuedToken]:
        """As the port says."""
        return await self._runner.run(stranded, replica, now)

    async def settle(self, mission: str, ids: Collection[str], state: TokenState) -> None:
        """As the port says."""
        await self._runner.run(settle, mission, ids, state)

    async def forget(self, before: float) -> int:
        """As the port says."""
        return await self._runner.run(forget, before)
