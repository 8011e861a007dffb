"""From one database to another: every table that outlives the processes, whole or not at all.

The rows are read in one transaction, written in one, read back in it and compared before it is committed. They are held
in memory meanwhile: some KiB a mission. Replicas are not copied: their processes belong to the old store. Must not know:
what the tables mean.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Table, delete, func, insert, select, text

from exeat.errors import ConflictError, StartError, UnavailableError
from exeat.model.secret import Secret
from exeat.store import sqlite
from exeat.store.dialect import is_postgres
from exeat.store.migrate import current, newest
from exeat.store.opening import carry_out, migrate_store
from exeat.store.tables import meta, metadata, replicas

_SEEN_SECONDS = 60.0
"""A replica confirms several times a second; one that hasn't for this long is gone."""
_BATCH = 500
"""Rows a statement."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""By table."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How many rows each table had, and one hash over all of them."""

    rows: Mapping[str, int]
    sha256: str

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {"rows": dict(self.rows), "sha256": self.sha256}


def copy_store(
    source: str, target: str, base: Path, source_password: Secret | None = None, target_password: Secret | None = None
) -> Copied:
    """Copy everything; the target is made and brought up to date, and must be empty.

    Raise ConflictError when the target isn't empty or a replica still works on the source, StartError when the source's
    schema isn't up to date or a URL is wrong, UnavailableError when either can't be used; nothing is copied then.
    """
    if source.startswith(sqlite.PREFIX):
        sqlite.check_unused(sqlite.existing_file(source, base))
    rows = carry_out(source, base, source_password, _read_source)
    migrate_store(target, base, target_password)
    return carry_out(target, base, target_password, lambda connection: _write(connection, rows))


def _tables() -> list[Table]:
    return [table for table in metadata.sorted_tables if table is not replicas]


def _read_source(connection: Connection) -> Rows:
    if is_postgres(connection):
        # One snapshot for all statements, and no way to change anything.
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    if current(connection) != newest():
        raise StartError("the source's schema isn't this version's", "run exeat store migrate first")
    busy = select(replicas.c.name).where(replicas.c.lapsed.is_(False), replicas.c.seen_at > time.time() - _SEEN_SECONDS)
    names = sorted(connection.execute(busy).scalars())
    if names:
        raise ConflictError(
            f"{', '.join(names)} still works on this store", "stop it; if it was killed, wait a minute and repeat"
        )
    return _read(connection)


def _read(connection: Connection) -> Rows:
    return {table.name: [_plain(row) for row in connection.execute(select(table)).mappings()] for table in _tables()}


def _plain(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    return {str(name): value for name, value in row.items()}


def _write(connection: Connection, rows: Rows) -> Copied:
    if is_postgres(connection):
        connection.execute(text("LOCK TABLE meta IN EXCLUSIVE MODE"))  # two copies to one place take turns
    _check_empty(connection)
    connection.execute(delete(meta))
    for table in _tables():
        for start in range(0, len(rows[table.name]), _BATCH):
            connection.execute(insert(table), list(rows[table.name][start : start + _BATCH]))
        _count_on(connection, table)
    written, expected = _described(_read(connection)), _described(rows)
    if written != expected:
        raise UnavailableError("what was written doesn't read back as it was; nothing is copied")
    return written


def _check_empty(connection: Connection) -> None:
    full = [
        table.name
        for table in metadata.sorted_tables
        if table is not meta and connection.execute(select(func.count()).select_from(table)).scalar_one()
    ]
    if full or connection.execute(select(meta.c.value).where(meta.c.key == "feed")).scalar() != "0":
        raise ConflictError("the target isn't empty", "name a new database; nothing is ever overwritten")


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL's sequences know nothing of rows that brought their own number."""
    column = table.autoincrement_column
    if (
        column is not None
        and is_postgres(connection)
        and (top := connection.execute(select(func.max(column))).scalar())
    ):
        connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, column.name), top)))


def _described(rows: Rows) -> Copied:
    """The same for the same rows, in whatever order a database tells them."""
    digest = hashlib.sha256()
    for name in sorted(rows):
        digest.update(f"{name}\n".encode())
        for line in sorted(orjson.dumps(row, default=repr, option=orjson.OPT_SORT_KEYS) for row in rows[name]):
            digest.update(line + b"\n")
    return Copied({name: len(rows[name]) for name in sorted(rows)}, digest.hexdigest())
