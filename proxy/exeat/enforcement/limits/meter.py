"""One exchange's use of budgets: what its permit cost, and each piece of its bodies before it passes.

Must not know: the gate, any engine, who lends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from exeat.enforcement.limits.allowance import Allowance, Lease
from exeat.enforcement.limits.refills import Refills
from exeat.model.decision import Deny, Permit, Question
from exeat.model.reason import Reason
from exeat.ports import Clock

_WORDS = {
    "requests": "requests",
    "writes": "requests that change something",
    "bytes": "bytes",
    "cost": "cost units",
    "destinations": "destinations",
}


@dataclass(frozen=True, slots=True)
class Lacking:
    """The budget of which there isn't enough, and whose: the mission's own or one above it."""

    kind: str
    bound: int
    mission: str


@dataclass(frozen=True, slots=True)
class Need:
    """What one permit takes of which lease, and where it leads. Of bytes at least one must be left, to be given back."""

    units: tuple[tuple[Lease, int], ...]
    line: tuple[Allowance, ...]
    place: tuple[str, int]
    question: Question
    body: int

    @classmethod
    def of(cls, line: tuple[Allowance, ...], permit: Permit, place: tuple[str, int], body: int) -> Need:
        """What a permit takes of every mission that its use counts against."""
        costs = {"requests": 1, "writes": int(permit.writes), "cost": permit.cost, "bytes": max(body, 1)}
        units = [
            (lease, costs[kind]) for allowance in line for kind, lease in allowance.leases.items() if costs.get(kind)
        ]
        return cls(tuple(units), line, place, permit.question, body)

    def is_there(self) -> bool:
        """Whether all of it can be had now, without asking anybody."""
        return all(lease.has(amount) for lease, amount in self.units) and all(
            each.mission.budget.destinations is None or self.place in each.places for each in self.line
        )


@final
class Meter:
    """Counts one exchange. Made by ``Budgets``; who holds it owes it :meth:`refund` or :meth:`begin` and :meth:`end`."""

    __slots__ = ("_active", "_bytes", "_clock", "_line", "_open", "_paid", "_refills", "_taken", "lacking")

    def __init__(self, line: tuple[Allowance, ...], refills: Refills, clock: Clock, active: set[Allowance]) -> None:
        self._line = line
        self._refills = refills
        self._clock = clock
        self._active = active
        self._bytes = tuple(each.leases["bytes"] for each in line if "bytes" in each.leases)
        self._taken: list[tuple[Lease, int]] = []
        self._paid = 0
        self._open = False
        self.lacking: Lacking | None = None
        """Set once bytes were cut."""

    # --- the permit -----------------------------------------------------------------------------------------------------

    def pay_for(self, need: Need) -> None:
        """Take what :meth:`Need.is_there` said can be had."""
        moment = self._clock.monotonic()
        for lease, amount in need.units:
            lease.take(amount, moment)
            self._refills.ahead(lease)
        self._taken.extend(need.units)
        self._settle(need)

    async def obtain_for(self, need: Need) -> Lacking | None:
        """Take it, waiting for the ledger where that has to say; what is lacking, and then nothing was taken.

        Raise RefusalError(STATE_STALE) when the ledger doesn't answer.
        """
        try:
            for lease, amount in need.units:
                if await self._refills.take(lease, amount) < amount:
                    self.refund()
                    return Lacking(lease.kind, lease.bound, lease.mission)
                self._taken.append((lease, amount))
            for allowance in need.line:
                if not await self._refills.visit(allowance, *need.place):
                    self.refund()
                    bound = allowance.mission.budget.destinations or 0
                    return Lacking("destinations", bound, allowance.mission.id)
        except BaseException:
            self.refund()
            raise
        self._settle(need)
        return None

    def _settle(self, need: Need) -> None:
        """A permit without a body in hand only asked whether there is any byte left."""
        if not need.body:
            for lease in self._bytes:
                lease.put(1)
            self._taken = [each for each in self._taken if each[0].kind != "bytes"]
        self._paid = 0

    def refund(self) -> None:
        """The permit didn't come about: give back what it took."""
        for lease, amount in self._taken:
            lease.put(amount)
        self._taken.clear()
        self._active.update(self._line)

    # --- the exchange ---------------------------------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether what was taken is spent."""
        return self._open

    def begin(self) -> None:
        """The permit is recorded: what it took is spent."""
        self._open = True
        self._taken.clear()
        for allowance in self._line:
            allowance.under_way += 1
        self.moved()

    def end(self) -> None:
        """The exchange is over."""
        if not self._open:
            return
        self._open = False
        for allowance in self._line:
            allowance.under_way -= 1
        for lease in self._bytes:
            lease.put(self._paid)
        self._paid = 0
        self.moved()

    def moved(self) -> None:
        """Something happened in the mission, and in those above it."""
        moment = self._clock.monotonic()
        for allowance in self._line:
            allowance.moved, allowance.moved_at = True, moment
        self._active.update(self._line)

    # --- bodies -----------------------------------------------------------------------------------------------------------

    def pay(self, size: int) -> bool:
        """Pay for a piece before it passes; False when the ledger has to be asked (:meth:`obtain`)."""
        if not all(lease.has(size) for lease in self._bytes):
            return False
        moment = self._clock.monotonic()
        for lease in self._bytes:
            lease.take(size, moment)
            self._refills.ahead(lease)
        self._paid += size
        return True

    async def obtain(self, size: int) -> int:
        """Pay for a piece, waiting for the ledger; return how much of it is paid for. Where it doesn't answer, nothing is."""
        got, taken = size, list[tuple[Lease, int]]()
        try:
            for lease in self._bytes:
                part = await self._refills.take(lease, got, part=True)
                taken.append((lease, part))
                if part < got:
                    self.lacking = Lacking("bytes", lease.bound, lease.mission)
                    got = part
        except BaseException:
            _put_down(taken, 0)
            raise
        _put_down(taken, got)
        self._paid += got
        return got

    def spend(self, size: int) -> bool:
        """A piece passes now; False when it isn't paid for, and then it may not."""
        if self._paid < size and not self.pay(size - self._paid):
            return False
        self._paid -= size
        self.moved()
        return True


def _put_down(taken: Iterable[tuple[Lease, int]], kept: int) -> None:
    for lease, amount in taken:
        lease.put(amount - kept)


def exhausted(lacking: Lacking, need: Need) -> Deny:
    """The refusal of a permit that can't be paid for."""
    return Deny(Reason.BUDGET_EXHAUSTED, need.question, advice=advice_of(lacking), detail=detail_of(lacking))


def advice_of(lacking: Lacking) -> str:
    """For the agent: fixed text and the bound."""
    return f"The mission's budget is used up: all of {lacking.bound} {_WORDS[lacking.kind]}."


def detail_of(lacking: Lacking) -> str:
    """For the record."""
    return f"{lacking.kind}: {lacking.bound} of {lacking.bound} used in {lacking.mission}"
