"""Where a worker process tells of rules that have fired: the supervisor, over their channel.

Must not know: rules, what is done about a firing.
"""

from __future__ import annotations

from typing import final

from exeat.fleet.channel import Channel
from exeat.fleet.wording import firing_to
from exeat.model.deviation import Firing


@final
class RemoteTower:
    """A Watchtower in another process."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def report(self, firing: Firing) -> None:
        """See :class:`exeat.ports.Watchtower`."""
        await self._channel.call("report", firing_to(firing))
