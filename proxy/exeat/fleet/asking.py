"""What a worker in another process asks of the control plane, and how it is answered there.

Must not know: what the answers are for, how workers are started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from exeat.errors import UnavailableError
from exeat.fleet.channel import Channel, Handler
from exeat.fleet.wording import issued_from, issued_to
from exeat.model.issued import IssuedToken
from exeat.model.secret import Secret
from exeat.ports import Lender, Opener, Refresher, TokenList


@final
class Asking:
    """The worker's side, over its channel once it has one: ``ports.Lender``, ``Opener``, ``TokenList`` and ``Refresher``."""

    def __init__(self) -> None:
        self.channel: Channel | None = None

    async def reserve(self, mission: str, kind: str, wanted: int, bound: int) -> int:
        """See ``ports.Lender``."""
        granted: int = await self._call("reserve", [mission, kind, wanted, bound])
        return granted

    async def release(self, mission: str, kind: str, amount: int) -> None:
        """See ``ports.Lender``."""
        await self._call("release", [mission, kind, amount])

    async def visit(self, mission: str, host: str, port: int, bound: int) -> bool:
        """See ``ports.Lender``."""
        may: bool = await self._call("visit", [mission, host, port, bound])
        return may

    async def activity(self, mission: str, at: float) -> None:
        """See ``ports.Lender``."""
        await self._call("activity", [mission, at])

    async def open(self, template: str, agent: str, evidence: Sequence[str]) -> None:
        """See ``ports.Opener``."""
        await self._call("open", [template, agent, list(evidence)])

    async def issued(self, token: IssuedToken, opener: Secret | None) -> None:
        """See ``ports.TokenList``. What opens it goes from one process of ours to the next, and nowhere else."""
        await self._call("issued", [issued_to(token), None if opener is None else opener.reveal()])

    async def refresh(self, service: str, scope: str) -> Mapping[str, Any]:
        """See ``ports.Refresher``."""
        answer: Mapping[str, Any] = await self._call("refresh", [service, scope])
        return answer

    async def _call(self, name: str, arguments: list[Any]) -> Any:
        if self.channel is None:
            raise UnavailableError("the control plane isn't known yet")
        return await self.channel.call(name, arguments)


def answers(ledger: Lender, opener: Opener, tokens: TokenList, refresher: Refresher) -> Mapping[str, Handler]:
    """The control plane's side: handlers for the channel."""
    return {
        "reserve": lambda arguments: ledger.reserve(*arguments),
        "release": lambda arguments: ledger.release(*arguments),
        "visit": lambda arguments: ledger.visit(*arguments),
        "activity": lambda arguments: ledger.activity(*arguments),
        "open": lambda arguments: opener.open(*arguments),
        "issued": lambda said: tokens.issued(issued_from(said[0]), None if said[1] is None else Secret(said[1])),
        "refresh": lambda arguments: refresher.refresh(*arguments),
    }
