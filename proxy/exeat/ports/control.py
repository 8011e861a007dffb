"""What a worker asks of the control plane; a call may cross processes.

Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from exeat.model.approval import ApprovalAnswer, ApprovalAsked
from exeat.model.deviation import Firing
from exeat.model.traffic import Traffic


class Ledger(Protocol):
    """What missions use up, over all processes. Nothing ever passes its bound."""

    async def reserve(self, mission: str, kind: str, wanted: int, bound: int) -> int:
        """Count up by as much of ``wanted`` as ``bound`` still allows, and return how much that was: 0 is none."""
        ...

    async def release(self, mission: str, kind: str, amount: int) -> None:
        """Give back what wasn't used after all; never below zero."""
        ...

    async def used(self, mission: str) -> Mapping[str, int]:
        """What is used up or lent, by kind; ``destinations`` counts the places visited."""
        ...

    async def visit(self, mission: str, host: str, port: int, bound: int) -> bool:
        """Whether a mission may go to a place: it was there before, or one more is within the bound."""
        ...

    async def activity(self, mission: str, at: float) -> None:
        """Note that a mission was active; an earlier time changes nothing."""
        ...

    async def activities(self, times: Mapping[str, float]) -> None:
        """The same for many missions in one transaction."""
        ...

    async def idle_missions(self, now: float) -> Sequence[str]:
        """The ids of open missions that were idle for longer than they may be."""
        ...


class Lender(Protocol):
    """Whom a worker asks for parts of missions' budgets; every method may raise UnavailableError.

    What was reserved counts as used until it is given back; the worker hands it out by itself.
    """

    async def reserve(self, mission: str, kind: str, wanted: int, bound: int) -> int:
        """Set aside up to ``wanted`` units; return how many, so that never more than ``bound`` are used."""
        ...

    async def release(self, mission: str, kind: str, amount: int) -> None:
        """Give back units that were not used."""
        ...

    async def visit(self, mission: str, host: str, port: int, bound: int) -> bool:
        """Whether a mission may go there: it has been there before, or to fewer than ``bound`` other places."""
        ...

    async def activity(self, mission: str, at: float) -> None:
        """A mission last did something at ``at`` (epoch seconds); that it is said means that it isn't over yet."""
        ...


class Opener(Protocol):
    """Opens the missions that begin with a request."""

    async def open(self, template: str, agent: str, evidence: Sequence[str]) -> None:
        """Let an agent (its SPIFFE ID, proven by ``evidence``) have a mission of a template; workers know it on return.

        However many ask at once, it is one mission. Raise RefusalError: MISSION_MISSING, MISSION_SUSPENDED, MISSION_ENDED when
        the last one was ended and an operator has to open the next, STATE_STALE.
        """
        ...


class ApprovalDesk(Protocol):
    """Where a worker asks whether people have approved a request."""

    async def ask(self, asked: ApprovalAsked) -> ApprovalAnswer:
        """Return the answer: at once where there is one, else when there is, or after ``asked.wait`` seconds.

        An approval that is answered with counts as used by that. Raise RefusalError when the question can't be put.
        """
        ...


class TrafficReports(Protocol):
    """Whom workers tell what passed them; a report that is lost costs figures, never a decision."""

    async def report(self, traffic: Traffic) -> None:
        """Add one worker's figures since its last report."""
        ...


class Watchtower(Protocol):
    """Hears of rules that have fired. In the control plane, so a call may cross processes."""

    async def report(self, firing: Firing) -> None:
        """Record a firing and do to its mission what its rule says, on every worker; a firing told twice is one.

        Raise UnavailableError when that isn't done yet: whoever tells of it repeats it, and meanwhile gives the mission no
        rights.
        """
        ...


class Refresher(Protocol):
    """Uses refresh tokens for whoever needs an access token. In the control plane: each may be used by one process at a time."""

    async def refresh(self, service: str, scope: str) -> Mapping[str, Any]:
        """Return the fields of the server's answer but the refresh token, which is stored by then.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the server refuses, when the token that should be used is lost, and when what
        followed it couldn't be stored.
        """
        ...
