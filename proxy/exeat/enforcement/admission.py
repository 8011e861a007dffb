"""What the gate answers: the stamp, a refusal, or what has to happen before either.

Must not know: how any of it comes about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from exeat.enforcement.exchange import Exchange
from exeat.enforcement.holding import Approved
from exeat.enforcement.limits.meter import Meter
from exeat.enforcement.refusal import Refusal
from exeat.model.decision import Deny, NeedBody


@dataclass(frozen=True, slots=True)
class Pending:
    """A permit whose token has to be minted first. Whoever holds it owes ``exchange`` an outcome from now on."""

    exchange: Exchange
    mint: Callable[[], Awaitable[Exchange | Refusal]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not judged yet: something outside has to answer first. Nothing is recorded, minted, resolved or dialled before it has.

    ``judge`` waits for that and judges the request anew; it never raises an Exception and never answers NeedBody.
    """

    judge: Callable[[], Awaitable[Exchange | Refusal | Pending]]


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of asking outside for a request that is judged again: people's approval, and the ledger's word."""

    approved: Approved | None = None
    paid: Meter | Deny | None = None


UNASKED = Settled()

Admission = Exchange | Refusal | NeedBody | Pending | Waiting
