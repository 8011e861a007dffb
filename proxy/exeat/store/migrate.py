"""Bring the schema up to date at start.

Each migration is a file in ``migrations/versions``; all that are missing run in one transaction, so a failed upgrade
leaves the old schema whole. Must not know: what the tables mean.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine

from exeat.errors import StartError


def upgrade(engine: Engine) -> None:
    """Run every migration that the store hasn't seen; raise StartError when it was made by a newer version."""
    config = Config()
    config.set_main_option("script_location", "exeat.store:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StartError(
                "the store's schema is unknown to this version of exeat",
                "start the version that made it, or restore a backup",
            ) from error
