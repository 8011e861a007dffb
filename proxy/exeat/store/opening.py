"""Open the store that a URL names, with its schema brought up to date.

Must not know: what is in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from exeat.errors import StartError
from exeat.model.secret import Secret
from exeat.store import postgres_url, sqlite
from exeat.store.migrate import Migrated, upgrade
from exeat.store.runner import translated
from exeat.store.store import Store

_LONG_SECONDS = 300.0
"""For a step of the schema over large tables, and for waiting until another replica is done with it."""


def open_store(url: str, base: Path, password: Secret | None = None, now: Callable[[], float] = time.time) -> Store:
    """Open, or create for its owner only, the store behind ``sqlite:///FILE`` or ``postgresql://…``.

    Raise StartError when the URL is of another kind, the file can be read by others or can't be written, the server
    refuses us, or the schema was made by a newer version; UnavailableError when the file is damaged or the server can't
    be reached. It is called before there is an event loop, or blocks it.
    """
    migrate_store(url, base, password)
    if url.startswith(postgres_url.PREFIX):
        from exeat.store.postgres import PostgresRunner  # and with it the driver, which SQLite doesn't need

        return Store(PostgresRunner(postgres_url.parse(url, base, password)), now)
    path = sqlite.database_file(url, base)
    return Store(sqlite.SqliteRunner(sqlite.connect(path), path), now)


def migrate_store(url: str, base: Path, password: Secret | None = None) -> Migrated:
    """Create the store if there is none, bring its schema up to date and say what was done; raise as :func:`open_store`."""
    if url.startswith(sqlite.PREFIX):
        sqlite.prepare(sqlite.database_file(url, base))
    return carry_out(url, base, password, upgrade)


def carry_out[Result](url: str, base: Path, password: Secret | None, work: Callable[[Connection], Result]) -> Result:
    """Run one work function on a store that nobody here has opened, in one transaction that may take minutes."""
    if url.startswith(postgres_url.PREFIX):
        place = postgres_url.parse(url, base, password)
        from exeat.store.postgres import alone

        return alone(place, work, _LONG_SECONDS)
    if not url.startswith(sqlite.PREFIX):
        raise StartError(
            "store.url: only sqlite:///FILE and postgresql://… are known",
            'use url = "sqlite:///exeat.db" or "postgresql://USER@HOST:5432/DATABASE"',
        )
    engine = sqlite.connect(sqlite.existing_file(url, base))
    try:
        with translated(), engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()
