"""Approvals in the store: ``ports.ApprovalStore``.

Each function is one transaction's work on a connection; a runner decides where it runs. Must not know: who may approve, what a request
means, any database product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, final

import orjson
from sqlalchemy import Connection, Select, case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from exeat.errors import ConflictError, UnavailableError
from exeat.model.approval import Approval, ApprovalAsked, ApprovalState, Scope, Terms, Vote
from exeat.store.runner import Runner
from exeat.store.tables import approvals

_OPEN = (ApprovalState.PENDING.value, ApprovalState.APPROVED.value)
_HOLDING = (*_OPEN, ApprovalState.DENIED.value)
_MOST = 1000
"""Rows of one answer; what is due beyond that is due the next time too."""


def add(connection: Connection, approval: Approval) -> None:
    """Store a new question; raise ConflictError when the same request is asked about already."""
    try:
        with connection.begin_nested():
            connection.execute(insert(approvals).values(_to_row(approval)))
    except IntegrityError as error:
        raise ConflictError("this request is asked about already") from error


def change(connection: Connection, approval: Approval) -> Approval:
    """Store a changed approval with its revision raised; raise ConflictError when somebody was faster."""
    changed = replace(approval, revision=approval.revision + 1)
    statement = (
        update(approvals)
        .where(approvals.c.id == approval.id, approvals.c.revision == approval.revision, approvals.c.state.in_(_OPEN))
        .values(_to_row(changed))
    )
    if connection.execute(statement).rowcount != 1:
        raise ConflictError(f"approval {approval.id} was changed meanwhile", "look at it again, then repeat")
    return changed


def use(connection: Connection, approval_id: str, now: float) -> Approval | None:
    """Use a grant once more, or None when it lapsed or has no use left. ``times`` 0 is any number."""
    table = approvals.c
    last = case((table.used + 1 == table.times, ApprovalState.USED.value), else_=table.state)
    statement = (
        update(approvals)
        .where(table.id == approval_id, table.state == ApprovalState.APPROVED.value, table.until > now)
        .values(used=table.used + 1, state=last, revision=table.revision + 1)
    )
    return get(connection, approval_id) if connection.execute(statement).rowcount == 1 else None


def get(connection: Connection, approval_id: str) -> Approval | None:
    """One approval."""
    row = connection.execute(select(approvals).where(approvals.c.id == approval_id)).mappings().first()
    return None if row is None else _from_row(row)


def of_session(connection: Connection, session: str, now: float) -> list[Approval]:
    """What holds for a session now, oldest first."""
    table = approvals.c
    wanted = select(approvals).where(table.session == session, table.state.in_(_HOLDING), table.until > now)
    return _read(connection, wanted.order_by(table.id))


def of_mission(connection: Connection, mission: str) -> list[Approval]:
    """The questions and grants of a mission."""
    table = approvals.c
    return _read(connection, select(approvals).where(table.mission == mission, table.state.in_(_OPEN)))


def lapsed(connection: Connection, now: float) -> list[Approval]:
    """Questions and grants whose time is up."""
    table = approvals.c
    return _read(connection, select(approvals).where(table.state.in_(_OPEN), table.until <= now).order_by(table.id))


def missions(connection: Connection) -> list[str]:
    """The missions that have questions or grants."""
    wanted = select(approvals.c.mission).where(approvals.c.state.in_(_OPEN)).distinct()
    return [str(name) for name in connection.execute(wanted).scalars()]


def forget(connection: Connection, before: float) -> None:
    """Drop what is over and lapsed before a moment; the audit has it all."""
    table = approvals.c
    connection.execute(delete(approvals).where(table.state.not_in(_OPEN), table.until < before))


def page(connection: Connection, limit: int, state: str, mission: str, before: str | None) -> list[Approval]:
    """Newest first."""
    wanted = select(approvals).order_by(approvals.c.id.desc())
    for column, value in ((approvals.c.state, state), (approvals.c.mission, mission)):
        wanted = wanted.where(column == value) if value else wanted
    return _read(connection, wanted if before is None else wanted.where(approvals.c.id < before), limit)


def _read(connection: Connection, wanted: Select[Any], limit: int = _MOST) -> list[Approval]:
    return [_from_row(row) for row in connection.execute(wanted.limit(limit)).mappings()]


def _to_row(approval: Approval) -> dict[str, Any]:
    pending = approval.state is ApprovalState.PENDING
    return {
        "id": approval.id,
        "state": approval.state.value,
        "session": approval.asked.session,
        "mission": approval.asked.mission,
        "waiting": approval.asked.binding if pending else None,
        "until": approval.until,
        "times": approval.terms.times,
        "used": approval.used,
        "revision": approval.revision,
        "document": orjson.dumps(asdict(approval)).decode(),
    }


def _from_row(row: Mapping[Any, Any]) -> Approval:
    """The approval in a row; raise UnavailableError naming it when it doesn't read back: what is unclear is no grant."""
    try:
        kept = orjson.loads(row["document"])
        asked = kept["asked"] | {"also": tuple(kept["asked"]["also"]), "groups": tuple(kept["asked"]["groups"])}
        return Approval(
            id=row["id"],
            asked=ApprovalAsked(**asked),
            created_at=float(kept["created_at"]),
            until=float(row["until"]),
            state=ApprovalState(row["state"]),
            votes=tuple(
                Vote(**(vote | {"groups": tuple(vote["groups"]), "terms": _terms(vote["terms"])}))
                for vote in kept["votes"]
            ),
            terms=_terms(kept["terms"]),
            used=int(row["used"]),
            cause=kept["cause"],
            revision=int(row["revision"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"approval {row['id']} can't be read back: {type(error).__name__}") from error


def _terms(kept: Mapping[str, Any]) -> Terms:
    return Terms(Scope(kept["scope"]), int(kept["times"]), float(kept["until"]))


@final
class StoredApprovals:
    """The port over a runner of transactions."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def add(self, approval: Approval) -> None:
        """As the port says."""
        await self._runner.run(add, approval)

    async def replace(self, approval: Approval) -> Approval:
        """As the port says."""
        return await self._runner.run(change, approval)

    async def use(self, approval_id: str, now: float) -> Approval | None:
        """As the port says."""
        return await self._runner.run(use, approval_id, now)

    async def get(self, approval_id: str) -> Approval | None:
        """As the port says."""
        return await self._runner.run(get, approval_id)

    async def of_session(self, session: str, now: float) -> Sequence[Approval]:
        """As the port says."""
        return await self._runner.run(of_session, session, now)

    async def of_mission(self, mission: str) -> Sequence[Approval]:
        """As the port says."""
        return await self._runner.run(of_mission, mission)

    async def lapsed(self, now: float) -> Sequence[Approval]:
        """As the port says."""
        return await self._runner.run(lapsed, now)

    async def missions(self) -> Sequence[str]:
        """As the port says."""
        return await self._runner.run(missions)

    async def forget(self, before: float) -> None:
        """As the port says."""
        await self._runner.run(forget, before)

    async def page(
        self, limit: int, state: str = "", mission: str = "", before: str | None = None
    ) -> Sequence[Approval]:
        """As the port says."""
        return await self._runner.run(page, limit, state, mission, before)
