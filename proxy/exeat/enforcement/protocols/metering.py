"""Pays for each piece of a body before it passes; where the ledger has to be asked, the stream waits and nobody reads on.

What the budget doesn't cover is cut off at the bound. Must not know: what budgets are, who counts.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands

from exeat.enforcement.exchange import Exchange
from exeat.enforcement.limits.meter import Meter, advice_of, detail_of
from exeat.errors import RefusalError
from exeat.model.reason import Reason

Commands = Generator[commands.Command, Any, Any]


class Asked:
    """A piece of so many bytes that waits for the ledger; ``paid`` is how much of it may pass."""

    def __init__(self, meter: Meter, size: int) -> None:
        self._meter = meter
        self._size = size
        self.paid = 0

    async def answer(self) -> None:
        """Wait for the ledger; where it doesn't answer, nothing passes."""
        with suppress(RefusalError):
            self.paid = await self._meter.obtain(self._size)


@dataclass
class MoreBudgetHook(commands.StartHook):  # type: ignore[no-untyped-call]
    """Blocks one stream until the ledger has answered."""

    asked: Asked


def pay(
    host: Any, exchange: Exchange, size: int, source: Connection | None = None
) -> Generator[commands.Command, Any, int]:
    """Return how many of ``size`` bytes may pass; meanwhile nothing more is read from ``source``, where they came from."""
    meter = exchange.meter
    if meter is None or meter.pay(size):
        return size
    asked = Asked(meter, size)
    if source is not None:
        host.hold(source)
    yield MoreBudgetHook(asked)
    if source is not None:
        host.let_go(source)
    return asked.paid


def why_cut(exchange: Exchange) -> tuple[Reason, str, str]:
    """Reason, detail for the record and advice for the agent, of an exchange of which not everything may pass."""
    lacking = None if exchange.meter is None else exchange.meter.lacking
    if lacking is None:
        return Reason.STATE_STALE, "the budget couldn't be asked for", ""
    return Reason.BUDGET_EXHAUSTED, detail_of(lacking), advice_of(lacking)
