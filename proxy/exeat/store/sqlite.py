"""SQLite: the file (permissions, durability) and its runner.

One thread of its own runs every statement on one connection, in order, so the event loop never waits for the disk and
no two writes of this process meet. Must not know: which tables there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from exeat.errors import ConflictError, StartError, UnavailableError
from exeat.files import check_private, private_folder
from exeat.store import notices
from exeat.store.notices import Channel, Hub
from exeat.store.runner import translated

PREFIX = "sqlite:///"
BUSY_SECONDS = 5.0
"""How long SQLite waits for another process's write; a mission's write takes milliseconds."""
_LATE_SECONDS = 2 * BUSY_SECONDS
"""A call that takes longer than a whole wait for another writer and as long again is given up."""
_LOOK_SECONDS = 0.05
"""How often the file is looked at for other processes' commits, while anybody listens: one page of memory is read."""


def database_file(url: str, base: Path) -> Path:
    """Return the file behind ``sqlite:///FILE`` (relative to ``base``; four slashes for an absolute one).

    Raise StartError for any other URL.
    """
    name = url.removeprefix(PREFIX)
    if not url.startswith(PREFIX) or not name or name.startswith((":", "file:")) or "?" in name or "\0" in name:
        raise StartError("store.url: SQLite needs the path of a file", 'use url = "sqlite:///exeat.db"')
    return base / name


def existing_file(url: str, base: Path) -> Path:
    """The same, for whoever must not make one by looking: raise UnavailableError when it isn't there."""
    path = database_file(url, base)
    if not path.exists():
        raise UnavailableError(f"there is no {path}", "check the URL; exeat store migrate makes it")
    return path


def prepare(path: Path) -> None:
    """Create the file for its owner only, or check that an existing one is private; raise StartError otherwise."""
    try:
        if not path.exists():
            private_folder(path.parent)
            # Made before SQLite opens it, so that there is no moment at which others can read it; SQLite gives its
            # -wal and -shm files the mode of the database.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        for companion in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            if companion.exists():
                check_private(companion)
        if not path.is_file():
            raise StartError(f"{path} is not a file", "point store.url at a file")
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            raise StartError(f"{path} can't be written", "run exeat as the user who owns the file and its folder")
    except OSError as error:
        raise StartError(f"{path} can't be opened: {error.strerror}", "check store.url and its folder") from error


def check_unused(path: Path) -> None:
    """Raise ConflictError when any other connection has the file open: only the last one can leave write-ahead mode.

    See sqlite.org/wal.html, "Persistence of WAL mode". The next connection turns it on again.
    """
    with translated(), contextlib.closing(sqlite3.connect(path, timeout=0.2)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            raise ConflictError(f"another process works on {path}", "stop it, then repeat") from error


def connect(path: Path) -> Engine:
    """Return an engine with one connection: write-ahead log, and every commit on the disk before it returns."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


@final
class SqliteRunner:
    """Runs work on one file."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._file = _identity(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="exeat-store")
        self._hub = Hub()
        self._watch: asyncio.Task[None] | None = None
        self._closed = False

    async def run[**Given, Result](
        self,
        work: Callable[Concatenate[Connection, Given], Result],
        *arguments: Given.args,
        **options: Given.kwargs,
    ) -> Result:
        """Run ``work`` in one transaction on the thread; a fault, an absence or lateness is UnavailableError."""
        if self._closed:
            raise UnavailableError("the store is closed")
        loop = asyncio.get_running_loop()

        def committed(channels: Iterable[Channel]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who listened
                loop.call_soon_threadsafe(self._hub.tell, channels)

        try:
            async with asyncio.timeout(_LATE_SECONDS):
                return await loop.run_in_executor(
                    self._thread,
                    self._transaction,
                    lambda connection: work(connection, *arguments, **options),
                    committed,
                )
        except TimeoutError as error:
            raise UnavailableError("the store didn't answer in time") from error

    def listen(self, channel: Channel, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after own commits at once, and after another process's within 50 ms."""
        stop = self._hub.listen(channel, callback)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._look())
        return stop

    async def close(self) -> None:
        """Finish what is under way and let the file go; later calls raise UnavailableError."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _transaction[Result](
        self, call: Callable[[Connection], Result], committed: Callable[[Iterable[Channel]], None]
    ) -> Result:
        with translated():
            if _identity(self._path) != self._file:
                # SQLite would go on writing into the deleted file, and a revocation would be lost with it.
                raise UnavailableError(f"{self._path} was replaced while in use; restart exeat")
            with self._engine.begin() as connection:
                notices.start(connection)
                result = call(connection)
                said = notices.said(connection)
            if said:
                committed(said)
            return result

    async def _look(self) -> None:
        """Tell everybody whenever another process has committed (sqlite.org/pragma.html#pragma_data_version)."""
        seen: int | None = None
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._hub.listened:
                seen = None
                continue
            with contextlib.suppress(UnavailableError):  # the calls say it
                now = await asyncio.get_running_loop().run_in_executor(self._thread, self._data_version)
                if now != seen:
                    self._hub.tell()
                seen = now

    def _data_version(self) -> int:
        with translated(), contextlib.closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()  # no transaction: it would wait for a writer
            try:
                return int(cursor.execute("PRAGMA data_version").fetchone()[0])
            finally:
                cursor.close()


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 one system call, no path object
    return status.st_dev, status.st_ino


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    # SQLite's own transactions instead of the driver's: schema changes are then part of them too.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"the file system doesn't allow write-ahead logging (got {mode})")
        # FULL syncs the log at each commit: a revocation that returned survives a power cut (sqlite.org/pragma.html).
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        # A hostile or damaged schema must not run functions (sqlite.org/security.html).
        cursor.execute("PRAGMA trusted_schema = OFF")
        cursor.execute("PRAGMA cell_size_check = ON")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE: who reads and then writes can't be overtaken in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
