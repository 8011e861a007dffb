"""Telling a group: each event is sent to its URL, signed, again and again for a while, and never waited for.

Only what the audit has too leaves: no query, no body, no credential. Must not know: who approves, what an answer means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import aiohttp
import orjson

from exeat.approvals.signing import signed
from exeat.approvals.view import describe
from exeat.missions.times import rfc3339
from exeat.model.approval import Approval, Approvers
from exeat.ports import Clock
from exeat.trusted_http import TrustedClient

logger = logging.getLogger("exeat.approvals")

PAUSES = (1.0, 5.0, 30.0, 120.0)
"""Seconds between the tries; a question lives an hour."""
_SECONDS = 10.0
"""One try."""
_MOST = 200
"""Messages under way; beyond, new ones are dropped and that is logged: the question stands in the list anyway."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where one group is told, and what it is signed with."""

    url: str
    key: bytes = field(repr=False)


@final
class Webhooks:
    """Sends events to the groups that are asked."""

    def __init__(
        self,
        client: TrustedClient,
        hooks: Mapping[str, Hook],
        groups: Approvers,
        clock: Clock,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self._client = client
        self._hooks = hooks
        self._groups = groups
        self._clock = clock
        self._pauses = pauses
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, event: str, approval: Approval) -> None:
        """Send an event (``requested``, ``approved``, ``denied``, ``expired``) to every group that is asked."""
        for name in approval.asked.groups:
            hook = self._hooks.get(name)
            if hook is None:
                continue
            if len(self._tasks) >= _MOST:
                logger.error("a webhook about %s is dropped: too many are under way", approval.id)
                return
            body = orjson.dumps(
                {
                    "type": f"approval.{event}",
                    "timestamp": rfc3339(self._clock.time()),
                    "data": describe(approval, self._groups, outside=True) | {"group": name},
                }
            )
            task = asyncio.create_task(self._send(hook, f"{approval.id}.{event}.{name}", body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def _send(self, hook: Hook, message_id: str, body: bytes) -> None:
        for pause in (*self._pauses, None):
            outcome = await self._try(hook, message_id, body)
            if not outcome:
                return
            if pause is None:
                logger.error("the webhook %s was not delivered: %s", message_id, outcome)
                return
            await asyncio.sleep(pause)

    async def _try(self, hook: Hook, message_id: str, body: bytes) -> str:
        """Send once, signed anew because time has passed; what went wrong, or nothing."""
        headers = {"content-type": "application/json", **signed(hook.key, message_id, int(self._clock.time()), body)}
        try:
            async with asyncio.timeout(_SECONDS), self._client.ask("POST", hook.url, headers, body) as response:
                return "" if 200 <= response.status < 300 else f"status {response.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return type(error).__name__  # its text could quote the URL, which may hold a secret
