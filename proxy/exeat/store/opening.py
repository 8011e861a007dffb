"""Open the store that a URL names, with its schema brought up to date.

Must not know: what is in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from exeat.errors import StartError
from exeat.model.secret import Secret
from exeat.store import postgres_url, sqlite
from exeat.store.migrate import Migrated, upgrade
from exeat.store.runner import Runner, translated
from exeat.store.store import Store

_MIGRATION_SECONDS = 300.0
"""For a step of the schema over large tables, and for waiting until another replica is done with it."""


def open_store(url: str, base: Path, password: Secret | None = None, now: Callable[[], float] = time.time) -> Store:
    """Open, or create for its owner only, the store behind ``sqlite:///FILE`` or ``postgresql://…``.

    Raise StartError when the URL is of another kind, the file can be read by others or can't be written, the server
    refuses us, or the schema was made by a newer version; UnavailableError when the file is damaged or the server can't
    be reached. It is called before there is an event loop, or blocks it.
    """
    return Store(_open(url, base, password)[0], now)


def migrate_store(url: str, base: Path, password: Secret | None = None) -> Migrated:
    """Bring a schema up to date and say what was done; raise as :func:`open_store` does."""
    return _open(url, base, password)[1]


def _open(url: str, base: Path, password: Secret | None) -> tuple[Runner, Migrated]:
    if url.startswith(postgres_url.PREFIX):
        place = postgres_url.parse(url, base, password)
        from exeat.store import postgres  # and with it the driver, which SQLite doesn't need

        return postgres.PostgresRunner(place), postgres.alone(place, upgrade, _MIGRATION_SECONDS)
    if not url.startswith(sqlite.PREFIX):
        raise StartError(
            "store.url: only sqlite:///FILE and postgresql://… are known",
            'use url = "sqlite:///exeat.db" or "postgresql://USER@HOST:5432/DATABASE"',
        )
    path = sqlite.database_file(url, base)
    sqlite.prepare(path)
    engine = sqlite.connect(path)
    try:
        with translated(), engine.begin() as connection:
            return sqlite.SqliteRunner(engine, path), upgrade(connection)
    except Exception:
        engine.dispose()
        raise
