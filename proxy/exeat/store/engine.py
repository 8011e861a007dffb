"""Opening the SQLite file: permissions, durability, errors.

SQLAlchemy's engine is used from one thread at a time (see ``missions.py``). Must not know: which tables there are.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from exeat.errors import StartError, UnavailableError
from exeat.files import check_private, private_folder

_PREFIX = "sqlite:///"
BUSY_SECONDS = 5.0
"""How long SQLite waits for another process's write; a mission's write takes milliseconds."""


def database_file(url: str, base: Path) -> Path:
    """Return the file behind ``sqlite:///FILE`` (relative to ``base``; four slashes for an absolute one).

    Raise StartError for any other URL.
    """
    if url.startswith(("postgresql:", "postgresql+", "postgres:")):
        raise StartError("store.url: PostgreSQL comes later", 'use url = "sqlite:///exeat.db"')
    name = url.removeprefix(_PREFIX)
    if not url.startswith(_PREFIX) or not name or name.startswith((":", "file:")) or "?" in name or "\0" in name:
        raise StartError("store.url: only sqlite:///FILE is known", 'use url = "sqlite:///exeat.db"')
    return base / name


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


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn whatever SQLAlchemy, SQLite or the disk raises into UnavailableError; ours pass."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise UnavailableError(f"the store can't be used: {type(cause).__name__}: {_first_line(cause)}") from error


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


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]
