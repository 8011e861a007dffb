"""The worker of this very process as a member of the crew.

Must not know: channels, other processes.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, final

from exeat.model.mission import Ceilings, Mission
from exeat.ports import Ended


class Face(Protocol):
    """What is asked of the worker; ``enforcement.worker.Worker`` is one."""

    def load(self, missions: Sequence[Mission]) -> None:
        """These are live, and no others."""
        ...

    def replace_ceilings(self, ceilings: Ceilings) -> int:
        """Keep to these; how many connections were cut."""
        ...

    def change(self, mission: Mission) -> tuple[int, Awaitable[Ended] | None]:
        """Act on a change: how many connections were cut, and what ends the tokens."""
        ...

    def grant(self, until: float) -> None:
        """It may serve until then."""
        ...


@final
class LocalMember:
    """Implements ``member.Member``. What is asked of it is done before it returns.

    Where this process is the only one to change the store, it needs no lease: what it does, it knows.
    """

    def __init__(
        self,
        worker: Face,
        status: Callable[[], Mapping[str, Any]],
        configure: Callable[[Mapping[str, Any]], Awaitable[None]],
        rekey: Callable[[Mapping[str, Any]], int],
        *,
        leased: bool,
    ) -> None:
        self.name = "w0"
        self.granted = 0.0 if leased else math.inf
        self.current = True
        self._worker, self._status, self._configure, self._rekey = worker, status, configure, rekey
        self._ending: dict[str, Awaitable[Ended]] = {}
        worker.grant(self.granted)

    def load(self, missions: Sequence[Mission]) -> None:
        """See :class:`exeat.fleet.member.Member`."""
        self._worker.load(missions)

    def restrict(self, ceilings: Ceilings) -> None:
        """See :class:`exeat.fleet.member.Member`."""
        self._worker.replace_ceilings(ceilings)

    async def allow(self, ceilings: Ceilings) -> int:
        """See :class:`exeat.fleet.member.Member`."""
        return self._worker.replace_ceilings(ceilings)

    async def change(self, mission: Mission) -> int:
        """See :class:`exeat.fleet.member.Member`."""
        cut, tokens = self._worker.change(mission)
        if tokens is not None:
            self._ending[mission.id] = tokens
        return cut

    async def end(self, mission: str) -> Ended:
        """See :class:`exeat.fleet.member.Member`."""
        tokens = self._ending.pop(mission, None)
        return Ended() if tokens is None else await tokens

    def grant(self, until: float) -> None:
        """See :class:`exeat.fleet.member.Member`."""
        self.granted = until
        self._worker.grant(until)

    async def status(self) -> Mapping[str, Any]:
        """See :class:`exeat.fleet.member.Member`."""
        return self._status()

    def hold(self, said: Mapping[str, Any]) -> None:
        """See :class:`exeat.fleet.member.Member`."""
        self._rekey(said)

    async def rekey(self, said: Mapping[str, Any]) -> int:
        """See :class:`exeat.fleet.member.Member`."""
        return self._rekey(said)

    async def configure(self, said: Mapping[str, Any]) -> None:
        """See :class:`exeat.fleet.member.Member`."""
        await self._configure(said)
