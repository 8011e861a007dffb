"""Bring the schema up to date.

Each migration is a file in ``migrations/versions``; all that are missing run in one transaction, so a failed upgrade
leaves the old schema whole. Processes that start together take turns: SQLite by its write lock, PostgreSQL by an advisory
lock held to the end of the transaction. Must not know: what the tables mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from exeat.errors import StartError
from exeat.store.dialect import is_postgres

_LOCK = 0x65_78_65_61_74  # "exeat"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What an upgrade did: from which step to which, and the steps it took, each with its first line."""

    before: str
    after: str
    steps: Mapping[str, str]

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {"before": self.before or None, "after": self.after, "steps": dict(self.steps)}


def upgrade(connection: Connection) -> Migrated:
    """Run every migration that the store hasn't seen; raise StartError when it was made by a newer version."""
    if is_postgres(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = _config()
    script = ScriptDirectory.from_config(config)
    before = current(connection)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
        after = current(connection)
        steps = {
            step.revision: (step.doc or "").removeprefix(f"{step.revision}: ")
            for step in reversed(list(script.iterate_revisions(after, before or "base")))
        }
    except CommandError as error:
        raise StartError(
            "the store's schema is unknown to this version of exeat",
            "start the version that made it, or restore a backup",
        ) from error
    return Migrated(before, after, steps)


def current(connection: Connection) -> str:
    """The step that the schema is at; empty for a database without one."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """The step that this version of exeat needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "exeat.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
