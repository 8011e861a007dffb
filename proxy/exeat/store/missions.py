"""The mission store on SQLite: ``ports.MissionStore``.

One thread of its own runs every statement on one connection, in order, so the event loop never waits for the disk and
no two writes of this process meet. Must not know: why a mission changes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import final

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from exeat.errors import ConflictError, StartError, UnavailableError
from exeat.model.mission import Mission, MissionState
from exeat.store.engine import BUSY_SECONDS, connect, database_file, prepare, translated
from exeat.store.migrate import upgrade
from exeat.store.rows import from_row, to_row
from exeat.store.tables import missions

_LIVE = tuple(state.value for state in MissionState if not state.final)
_LATE_SECONDS = 2 * BUSY_SECONDS
"""A call that takes longer than a whole wait for another writer and as long again is given up."""


def open_store(url: str, base: Path) -> SqliteMissionStore:
    """Open, or create for its owner only, the store behind ``sqlite:///FILE`` and bring its schema up to date.

    Raise StartError when the URL is of another kind, the file can be read by others, can't be written, or was made by
    a newer version; UnavailableError when it is damaged.
    """
    path = database_file(url, base)
    prepare(path)
    engine = connect(path)
    try:
        with translated():
            upgrade(engine)
    except (StartError, UnavailableError):
        engine.dispose()
        raise
    return SqliteMissionStore(engine, path)


@final
class SqliteMissionStore:
    """Missions in one SQLite file. Every method raises UnavailableError when the file can't be used or is gone."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._file = _identity(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="exeat-store")
        self._closed = False

    async def add(self, mission: Mission) -> None:
        """Store a new mission; raise ConflictError when its id is taken."""

        def work(connection: Connection) -> None:
            try:
                connection.execute(insert(missions).values(to_row(mission)))
            except IntegrityError as error:
                raise ConflictError(f"mission {mission.id} exists already") from error

        await self._run(work)

    async def replace(self, mission: Mission, expected_revision: int) -> Mission:
        """Store a changed mission with its revision raised, and return it so.

        Raise ConflictError when the stored revision is another, or the stored state is final: what has ended stays
        ended, whoever asks.
        """
        changed = replace(mission, revision=expected_revision + 1)

        def work(connection: Connection) -> None:
            statement = (
                update(missions)
                .where(missions.c.id == mission.id)
                .where(missions.c.revision == expected_revision)
                .where(missions.c.state.in_(_LIVE))
                .values(to_row(changed))
            )
            if connection.execute(statement).rowcount != 1:
                raise ConflictError(f"mission {mission.id} was changed meanwhile", "look at it again, then repeat")

        await self._run(work)
        return changed

    async def get(self, mission_id: str) -> Mission | None:
        """One mission, or None."""

        def work(connection: Connection) -> Mission | None:
            row = connection.execute(select(missions).where(missions.c.id == mission_id)).mappings().first()
            return None if row is None else from_row(dict(row))

        return await self._run(work)

    async def live(self) -> Sequence[Mission]:
        """Every mission that is not in a final state, oldest first."""

        def work(connection: Connection) -> list[Mission]:
            statement = select(missions).where(missions.c.state.in_(_LIVE)).order_by(missions.c.id)
            return [from_row(dict(row)) for row in connection.execute(statement).mappings()]

        return await self._run(work)

    async def page(self, limit: int, before: str | None = None) -> Sequence[Mission]:
        """Newest first, of any state; ``before`` is the id of the last one already seen."""

        def work(connection: Connection) -> list[Mission]:
            statement = select(missions).order_by(missions.c.id.desc()).limit(max(0, limit))
            if before is not None:
                statement = statement.where(missions.c.id < before)
            return [from_row(dict(row)) for row in connection.execute(statement).mappings()]

        return await self._run(work)

    async def close(self) -> None:
        """Finish what is under way and let the file go; later calls raise UnavailableError."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def _run[Result](self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in one transaction on the store's thread; a fault, an absence or lateness is UnavailableError."""
        if self._closed:
            raise UnavailableError("the store is closed")
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)
        try:
            async with asyncio.timeout(_LATE_SECONDS):
                return await call
        except TimeoutError as error:
            raise UnavailableError("the store didn't answer in time") from error

    def _transaction[Result](self, work: Callable[[Connection], Result]) -> Result:
        with translated():
            if _identity(self._path) != self._file:
                # SQLite would go on writing into the deleted file, and a revocation would be lost with it.
                raise UnavailableError(f"{self._path} was replaced while in use; restart exeat")
            with self._engine.begin() as connection:
                return work(connection)


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 one system call, no path object
    return status.st_dev, status.st_ino
