"""The feed's counter as work functions: one number more for each write of a mission.

The row stays locked until the writer's transaction ends, so numbers are given in the order of commits, none is left out,
and whoever sees one sees everything before it. Must not know: missions.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Text, cast, select, update

from exeat.errors import UnavailableError
from exeat.store.notices import Channel, notify
from exeat.store.tables import meta

_IS_FEED = meta.c.key == "feed"


def count_up(connection: Connection) -> int:
    """Raise the counter within this transaction, and return it."""
    higher = cast(cast(meta.c.value, BigInteger) + 1, Text)
    version = connection.execute(update(meta).where(_IS_FEED).values(value=higher).returning(meta.c.value)).scalar()
    notify(connection, Channel.FEED)
    return _number(version)


def version(connection: Connection) -> int:
    """The number of the last write that is committed."""
    return _number(connection.execute(select(meta.c.value).where(_IS_FEED)).scalar())


def _number(value: object) -> int:
    if not isinstance(value, str) or not value.isdecimal():
        raise UnavailableError("the store holds no count of changes; restore the store")
    return int(value)
