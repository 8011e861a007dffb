"""Keeps issuers' keys fresh, beside the request path.

Must not know: where documents come from, tokens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, final

from exeat.identity.issuer_keys import IssuerKeys
from exeat.identity.jwks_fetch import Fetcher, FetchError, Source

logger = logging.getLogger("exeat.issuers")

TICK = 0.5
"""Seconds between looks at what is due: how long an agent with a token of a new key waits at least."""

_PATIENCE = 1.0


@final
class KeyRefresher:
    """Fetches what is due; a failure is logged when it is news, and what is known stays in use until it is too old."""

    def __init__(self, issuers: Sequence[tuple[IssuerKeys, Source]], fetcher: Fetcher) -> None:
        self._issuers = tuple(issuers)
        self._fetcher = fetcher
        self._first: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetch everything once, waiting only a moment: an issuer that is late or gone is no reason not to serve."""
        if self._issuers:
            self._first = asyncio.create_task(self.refresh_due())
            await asyncio.wait({self._first}, timeout=_PATIENCE)

    async def refresh_due(self) -> None:
        """Fetch, all at the same time, the keys of every issuer whose turn it is. Raises nothing of theirs."""
        due = [(keys, source) for keys, source in self._issuers if keys.due()]
        if due:
            await asyncio.gather(*(self._refresh(keys, source) for keys, source in due))

    async def _refresh(self, keys: IssuerKeys, source: Source) -> None:
        begun = keys.begin()
        try:
            if keys.replace(await source.load(), begun):
                return
            problem = "no key in it can be used"
        except (FetchError, ValueError) as error:
            problem = str(error)
        if keys.failed(problem):
            logger.warning("keys of %s: %s", keys.issuer.name, problem)

    def status(self) -> list[dict[str, Any]]:
        """Each issuer with the number and age of its keys, for the admin API."""
        return [keys.status() for keys, _ in self._issuers]

    async def close(self) -> None:
        """Stop, and close every connection."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await self._fetcher.close()
