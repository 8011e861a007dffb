"""The desk of approvals as a worker in another process reaches it.

Must not know: who approves, what a request means.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, final

from exeat.fleet.channel import Channel, Handler
from exeat.model.approval import ApprovalAnswer, ApprovalAsked
from exeat.ports import ApprovalDesk

ASK = "ask approval"


@final
class RemoteDesk:
    """Implements ports.ApprovalDesk over a channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def ask(self, asked: ApprovalAsked) -> ApprovalAnswer:
        """See ports.ApprovalDesk."""
        return ApprovalAnswer(*await self._channel.call(ASK, asdict(asked)))


def answering(desk: ApprovalDesk) -> Handler:
    """What the desk's process does with such a call."""

    async def answer(said: dict[str, Any]) -> list[Any]:
        asked = ApprovalAsked(**(said | {"also": tuple(said["also"]), "groups": tuple(said["groups"])}))
        found = await desk.ask(asked)
        return [found.state, found.approval, found.ask, found.retry_after]

    return answer
