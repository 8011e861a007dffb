"""What our layers tell each other beside mitmproxy's own events.

Must not know: how slow is too slow, what is kept where.
"""

from __future__ import annotations

from typing import final

from mitmproxy.proxy.events import Event


@final
class LateBody(Event):
    """The body of a request that streams has not brought enough for a while."""

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id


@final
class Room(Event):
    """What came on some stream has been passed on: its sender may be granted room again."""
