"""Who wants to hear that something was committed.

A work function says :func:`notify` inside its transaction. PostgreSQL then tells every process's listener at the commit;
the runner tells those of its own process as soon as the commit is done. A notice has no content and may come more often
than needed, or, while a connection is lost, late: whoever listens looks at the tables then. Must not know: what changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import final

from sqlalchemy import Connection, func, select

from exeat.store.dialect import is_postgres

logger = logging.getLogger("exeat.store")
_TOLD = "exeat_told"


class Channel(StrEnum):
    """What can be listened for; the values are PostgreSQL's channel names."""

    FEED = "exeat_feed"
    ACKS = "exeat_acks"


def notify(connection: Connection, channel: Channel) -> None:
    """Tell whoever listens to a channel once this transaction is committed, and never if it isn't."""
    connection.info.setdefault(_TOLD, set()).add(channel)
    if is_postgres(connection):
        connection.execute(select(func.pg_notify(channel.value, "")))


def start(connection: Connection) -> None:
    """Forget what an earlier transaction on this connection had to say."""
    connection.info.pop(_TOLD, None)


def said(connection: Connection) -> frozenset[Channel]:
    """What this transaction has to say when it is committed."""
    return frozenset(connection.info.get(_TOLD, ()))


@final
class Hub:
    """The callbacks of this process. Used from its event loop alone."""

    def __init__(self) -> None:
        self._callbacks: dict[Channel, list[Callable[[], None]]] = {channel: [] for channel in Channel}

    def listen(self, channel: Channel, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each notice; return how to stop that."""
        mine = self._callbacks[channel]
        mine.append(callback)
        return lambda: mine.remove(callback) if callback in mine else None

    @property
    def listened(self) -> bool:
        """Whether anybody listens."""
        return any(self._callbacks.values())

    def tell(self, channels: Iterable[Channel] = tuple(Channel)) -> None:
        """Call the callbacks of some channels. One that fails keeps no other from being called."""
        for channel in channels:
            for callback in tuple(self._callbacks[channel]):
                try:
                    callback()
                except Exception:
                    logger.exception("a listener to %s failed", channel.value)
