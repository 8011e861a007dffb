"""What a worker may hand out of missions' budgets: units lent to it in advance, taken in memory. Pure and single-threaded.

A unit is in one place only: counted as used by whoever lends, in a lease here, or spent. So what is spent is never more than
the bound, whatever is lost on the way. Must not know: who lends, any loop or clock.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from exeat.model.mission import Mission

_SHARES = 32
"""A worker is lent so small a part of a budget at a time: several share it fairly, and little lies about at its end."""
_LEAST = {"bytes": 64 * 1024}
_MOST = {"bytes": 8 * 1024 * 1024}
_MOST_UNITS = 1024
ENDING = ("requests", "bytes", "cost")
"""Budgets whose end is the mission's, once nothing of it is under way."""


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody who needs so many units, or with ``part`` as many of them as there are."""

    amount: int
    part: bool
    got: Future[int]


@final
class Lease:
    """Units of one budget of one mission that this worker may hand out."""

    __slots__ = ("asking", "bound", "chunk", "empty_until", "held", "kind", "mission", "spent_at", "waiting")

    def __init__(self, mission: str, kind: str, bound: int) -> None:
        self.mission = mission
        self.kind = kind
        self.bound = bound
        least, most = _LEAST.get(kind, 1), _MOST.get(kind, _MOST_UNITS)
        self.chunk = min(max(bound // _SHARES, least), most, max(bound, 1))
        self.held = 0
        self.spent_at = 0.0
        self.empty_until = 0.0
        self.waiting: deque[Waiter] = deque()
        self.asking = False

    @property
    def running_low(self) -> bool:
        """Whether more should be asked for before it is needed; of a budget of a few units none is taken in advance."""
        return self.chunk > 1 and 2 * self.held <= self.chunk and not self.asking

    @property
    def wanted(self) -> int:
        """How much to ask for: what is waited for, and up to a chunk."""
        return min(max(self.chunk, sum(each.amount for each in self.waiting)) - self.held, max(self.bound, 1))

    def has(self, amount: int) -> bool:
        """Whether so many units can be had now; nobody overtakes those who wait."""
        return self.held >= amount and not self.waiting

    def take(self, amount: int, moment: float) -> None:
        """Spend units that :meth:`has` said are there."""
        self.held -= amount
        self.spent_at = moment

    def put(self, amount: int) -> None:
        """Units that come from the lender, or weren't spent after all."""
        self.held += amount

    def serve(self, moment: float, *, last: bool) -> bool:
        """Give those who wait what there is, in their order; with ``last`` no more will come, and the rest get nothing.

        Return whether somebody got nothing.
        """
        refused = False
        while self.waiting:
            waiter = self.waiting[0]
            if waiter.got.done():  # gone meanwhile
                self.waiting.popleft()
                continue
            amount = waiter.amount if self.held >= waiter.amount else self.held if waiter.part else 0
            if amount < waiter.amount and not last:
                break
            refused = refused or amount == 0
            self.waiting.popleft()
            self.held -= amount
            self.spent_at = moment
            waiter.got.set_result(amount)
        return refused


@dataclass(slots=True, eq=False)
class Allowance:
    """What a worker knows of one mission's use: a lease for each kind that is counted, where it has been, what is under way."""

    mission: Mission
    leases: dict[str, Lease] = field(default_factory=dict)
    places: set[tuple[str, int]] = field(default_factory=set)
    full: bool = False
    """It has been to as many places as it may."""
    under_way: int = 0
    moved: bool = False
    """It did something since that was last told."""
    moved_at: float = 0.0
    told_at: float = 0.0

    @classmethod
    def of(cls, mission: Mission) -> Allowance:
        """Nothing lent, nothing used."""
        kinds = {kind: bound for kind, bound in mission.budget.bounds().items() if kind != "destinations"}
        return cls(mission, {kind: Lease(mission.id, kind, bound) for kind, bound in kinds.items()})

    @property
    def may_be_over(self) -> bool:
        """Whether, as far as this worker knows, nothing may be left of something without which the mission ends."""
        return any(lease.held == 0 for kind, lease in self.leases.items() if kind in ENDING)

    def held(self) -> Iterable[Lease]:
        """The leases with something in them."""
        return (lease for lease in self.leases.values() if lease.held)


def line_of(mission: str, parents: dict[str, str], known: dict[str, Allowance]) -> tuple[Allowance, ...]:
    """The allowances that a mission's use counts against: its own and those of every mission above it, where they count."""
    line = []
    while mission:
        if mission in known:
            line.append(known[mission])
        mission = parents.get(mission, "")
    return tuple(line)
