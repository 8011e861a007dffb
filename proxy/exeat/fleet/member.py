"""One worker as the control plane sees it: told of changes, granted leases, asked for its tokens' end.

Must not know: where the worker runs, what it does with a change.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, final

from exeat.fleet.channel import Channel
from exeat.fleet.wording import ceilings_to, ended_from, mission_to
from exeat.model.mission import Ceilings, Mission
from exeat.ports import Ended


class Member(Protocol):
    """A worker. What is asked of it is done in the order of asking."""

    name: str
    granted: float
    """Until when it may serve, as it was last told: seconds since the machine started."""
    current: bool
    """Whether it has confirmed everything so far. One that hasn't is granted nothing more until it has."""

    def load(self, missions: Sequence[Mission]) -> None:
        """These are the live missions, and no others."""
        ...

    def restrict(self, ceilings: Ceilings) -> None:
        """Begin with these ceilings instead of those of the configuration."""
        ...

    def allow(self, ceilings: Ceilings) -> Coroutine[Any, Any, int]:
        """Keep to these ceilings; return how many connections were cut once nothing goes to what they don't allow."""
        ...

    def change(self, mission: Mission) -> Coroutine[Any, Any, int]:
        """Act on a changed mission; return how many connections were cut once no byte more of an ended one can go."""
        ...

    async def end(self, mission: str) -> Ended:
        """What became of an ended mission's tokens."""
        ...

    def grant(self, until: float) -> None:
        """It may serve until then."""
        ...

    async def status(self) -> Mapping[str, Any]:
        """How it is doing."""
        ...

    def hold(self, said: Mapping[str, Any]) -> None:
        """Begin with these secrets."""
        ...

    def rekey(self, said: Mapping[str, Any]) -> Coroutine[Any, Any, int]:
        """Use these secrets and no others; return how many are different once that is so."""
        ...

    async def configure(self, said: Mapping[str, Any]) -> None:
        """Go by these tables of the configuration from now on; raise UnavailableError when it can't."""
        ...


@final
class RemoteMember:
    """A worker in another process."""

    def __init__(self, name: str, channel: Channel) -> None:
        self.name = name
        self.granted = 0.0
        self.current = True
        self.channel = channel

    def load(self, missions: Sequence[Mission]) -> None:
        """See :class:`Member`."""
        self.channel.tell("load", [mission_to(mission) for mission in missions])

    def restrict(self, ceilings: Ceilings) -> None:
        """See :class:`Member`."""
        self.channel.tell("allow", ceilings_to(ceilings))

    async def allow(self, ceilings: Ceilings) -> int:
        """See :class:`Member`."""
        cut: int = await self.channel.call("allow", ceilings_to(ceilings))
        return cut

    async def change(self, mission: Mission) -> int:
        """See :class:`Member`."""
        cut: int = await self.channel.call("change", mission_to(mission))
        return cut

    async def end(self, mission: str) -> Ended:
        """See :class:`Member`."""
        return ended_from(await self.channel.call("end", mission))

    def grant(self, until: float) -> None:
        """See :class:`Member`."""
        self.granted = until
        self.channel.tell("grant", until)

    async def status(self) -> Mapping[str, Any]:
        """See :class:`Member`."""
        status: Mapping[str, Any] = await self.channel.call("status")
        return status

    def hold(self, said: Mapping[str, Any]) -> None:
        """See :class:`Member`."""
        self.channel.tell("secrets", said)

    async def rekey(self, said: Mapping[str, Any]) -> int:
        """See :class:`Member`."""
        changed: int = await self.channel.call("secrets", said)
        return changed

    async def configure(self, said: Mapping[str, Any]) -> None:
        """See :class:`Member`."""
        await self.channel.call("configure", said)
