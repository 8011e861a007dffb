"""The few places in which SQL differs between the two databases.

Must not know: what any statement is for.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.dml import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite.dml import Insert as SqliteInsert


def is_postgres(connection: Connection) -> bool:
    """Whether this transaction runs on PostgreSQL."""
    return connection.dialect.name == "postgresql"


def upsert(connection: Connection, table: Table) -> PostgresInsert | SqliteInsert:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if is_postgres(connection) else sqlite.insert(table)


def database_time(connection: Connection) -> float:
    """The database's clock, seconds since the epoch: one clock for all processes, and nothing is true because of it."""
    if not is_postgres(connection):
        return time.time()  # the file's processes share this machine's clock
    found: Any = connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
    return float(found)


def history(connection: Connection) -> str:
    """Which history the database's versions are counted in: PostgreSQL's timeline, another one after each failover.

    A standby that takes over may lack the last commits and count on from an older version: the same number then means
    another change.
    """
    if not is_postgres(connection):
        return ""  # a file that was replaced is never used on (see ``sqlite.py``)
    return str(connection.execute(select(func.left(func.pg_walfile_name(func.pg_current_wal_lsn()), 8))).scalar_one())


def may_be_lost(connection: Connection) -> None:
    """Let this transaction's commit return before it is on the disk: a crash of the server may undo it, whole."""
    if is_postgres(connection):
        connection.execute(text("SET LOCAL synchronous_commit TO OFF"))
