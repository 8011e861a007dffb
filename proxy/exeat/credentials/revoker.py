"""Revoking tokens at their issuers: best effort, bounded, never in the way.

Tokens are dropped before they come here. Must not know: caches, missions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import final

from exeat.counting import Counter
from exeat.credentials.tasks import Tasks
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.token import Token
from exeat.ports import Issuer, TokenLeft

_AT_ONCE = 32
"""Calls at a time; issuers limit them to some tens a second."""


@final
class Revoker:
    """Revoke at whichever issuer minted; ``timeout`` bounds one call, in seconds."""

    def __init__(
        self, issuers: Mapping[str, Issuer], services: Mapping[str, IssuerSpec], tasks: Tasks, timeout: float
    ) -> None:
        self._issuers = issuers
        self._services = services
        self._tasks = tasks
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.revoked = 0
        self.outcomes = Counter()
        """By service and outcome: ``revoked`` or ``left``."""

    async def revoke(self, request: TokenRequest, token: Token) -> bool:
        """Revoke one token; False when its issuer can't, doesn't answer or fails."""
        spec = self._services.get(request.service)
        issuer = None if spec is None else self._issuers.get(spec.kind)
        if spec is None or issuer is None:
            return False
        try:
            async with self._slots, asyncio.timeout(self._timeout):
                revoked = await issuer.revoke(token, spec) is True
        except Exception:  # noqa: BLE001 the token is dropped all the same; False says that it may live on
            revoked = False
        self.revoked += revoked
        self.outcomes.add((request.service, "revoked" if revoked else "left"))
        return revoked

    async def revoke_all(self, tokens: Sequence[tuple[TokenRequest, Token]]) -> list[TokenLeft]:
        """Revoke many and return those that weren't within the time of one call; what takes longer goes on behind.

        A caller that goes away stops none of them.
        """
        waiting, revoked = iter(enumerate(tokens)), set[int]()
        workers = [self._tasks.spawn(self._drain(waiting, revoked)) for _ in range(min(len(tokens), _AT_ONCE))]
        if workers:
            await asyncio.wait(workers, timeout=self._timeout)
        return [
            TokenLeft(request.service, token.id, token.expires_at)
            for number, (request, token) in enumerate(tokens)
            if number not in revoked
        ]

    async def _drain(self, waiting: Iterator[tuple[int, tuple[TokenRequest, Token]]], revoked: set[int]) -> None:
        for number, (request, token) in waiting:
            if await self.revoke(request, token):
                revoked.add(number)
