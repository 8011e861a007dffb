"""Everything outside, as Protocols: the only way the core touches a clock, a disk or a network.

Each docstring is a contract: what is returned, and what is raised. A port may raise anything; whatever is not a
``RefusalError`` is refused as ``internal_error``. Must not know: any implementation.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from exeat.model.admin_token import AdminToken
from exeat.model.approval import Approval, ApprovalAnswer, ApprovalAsked
from exeat.model.decision import TokenRequest
from exeat.model.deviation import Firing
from exeat.model.mission import AllowedDestination, Ceilings, Mission
from exeat.model.record import Record
from exeat.model.secret import Secret
from exeat.model.service import IssuerSpec
from exeat.model.token import Token
from exeat.model.traffic import LastUse, Traffic


class Clock(Protocol):
    """The time, injected so that tests can move it."""

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations and deadlines."""
        ...

    def boot(self) -> float:
        """Seconds since this machine started, its sleep included: the same for all its processes, for leases."""
        ...


@dataclass(frozen=True, slots=True)
class VerifiedPass:
    """A pass whose signature, issuer, audience and times hold. Whether its mission still lives is another question.

    ``subject`` is the agent's SPIFFE ID.
    """

    mission: str
    agent: str
    id: str
    expires_at: float
    subject: str


class PassVerifier(Protocol):
    """Reads a pass."""

    def verify(self, presented: Secret) -> VerifiedPass:
        """Return what the pass proves.

        Raise RefusalError(IDENTITY_INVALID) unless signature, issuer, audience, ``exp``, ``iat`` and ``jti`` all
        hold; RefusalError(MISSION_ENDED) when only ``exp`` has passed.
        """
        ...


class AuditSink(Protocol):
    """The write-ahead log."""

    def append(self, record: Record) -> None:
        """Chain and write one record before returning; raise RefusalError(AUDIT_UNAVAILABLE) when it can't be written."""
        ...


class Issuer(Protocol):
    """Mints tokens of one kind."""

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Return a token no wider than asked.

        Raise RefusalError(TOKEN_UNAVAILABLE) when it can't be had, RefusalError(TOKEN_TOO_WIDE) when the grant is
        wider than asked.
        """
        ...

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:
        """Revoke at the issuer where it can; False when this kind can't (the token then lives until it expires)."""
        ...


class SecretSource(Protocol):
    """Where long-lived secrets lie."""

    def load(self, reference: str) -> Secret:
        """Return the secret behind ``env:NAME`` or ``file:PATH``; raise StartError naming the reference and the fix."""
        ...


class Broker(Protocol):
    """Tokens for decisions: cached per session and scope, minted once for many waiters, dropped with the mission."""

    def cached(self, request: TokenRequest) -> Token | None:
        """A live token for exactly this request, or None. Does no I/O."""
        ...

    async def token(self, request: TokenRequest) -> Token:
        """Mint, or join the mint under way; raise as :meth:`Issuer.mint` does, or when the mission ended meanwhile."""
        ...

    def end(self, mission: str) -> Awaitable[Ended]:
        """Drop every token of a mission before returning; what is returned waits for their revocation at the issuers."""
        ...


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return IP addresses as text, best first; raise RefusalError(UPSTREAM_UNREACHABLE) when there are none."""
        ...


class MissionStore(Protocol):
    """Where missions live. Writes are durable when they return; all raise UnavailableError when the store is gone."""

    async def add(self, mission: Mission) -> None:
        """Store a new mission; raise ConflictError when the one that delegates to it isn't open any more."""
        ...

    async def add_alone(self, mission: Mission) -> None:
        """The same; raise ConflictError too when another one of its template is live for one of its agents."""
        ...

    async def replace(self, mission: Mission, expected_revision: int) -> Mission:
        """Store a changed mission with its revision raised; raise ConflictError when somebody was faster."""
        ...

    async def get(self, mission_id: str) -> Mission | None:
        """One mission."""
        ...

    async def live(self) -> Sequence[Mission]:
        """Every mission that is not in a final state."""
        ...

    async def children(self, mission_id: str) -> Sequence[Mission]:
        """The live missions that one mission has delegated to."""
        ...

    async def unfinished(self, template: str, environment: str, now: float) -> Sequence[Mission]:
        """The missions of a template whose time isn't up at ``now``, live or ended early, newest first."""
        ...

    async def page(self, limit: int, before: str | None = None, states: Sequence[str] = ()) -> Sequence[Mission]:
        """Newest first, of these states, or any; ``before`` is the id of the last one already seen."""
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


class ApprovalStore(Protocol):
    """Where approvals live. Writes are durable when they return; all raise UnavailableError when the store is gone."""

    async def add(self, approval: Approval) -> None:
        """Store a new question; raise ConflictError when the same request is asked about already."""
        ...

    async def replace(self, approval: Approval) -> Approval:
        """Store a changed one with its revision raised; raise ConflictError when somebody was faster."""
        ...

    async def use(self, approval_id: str, now: float) -> Approval | None:
        """Use a grant once more, if it holds and has a use left: never once too often, whoever else asks."""
        ...

    async def get(self, approval_id: str) -> Approval | None:
        """One approval."""
        ...

    async def of_session(self, session: str, now: float) -> Sequence[Approval]:
        """What holds for a session now: questions, grants and denials that haven't lapsed, oldest first."""
        ...

    async def of_mission(self, mission: str) -> Sequence[Approval]:
        """The questions and grants of a mission."""
        ...

    async def lapsed(self, now: float) -> Sequence[Approval]:
        """Questions and grants whose time is up: some of them, oldest first."""
        ...

    async def missions(self) -> Sequence[str]:
        """The missions that have questions or grants."""
        ...

    async def forget(self, before: float) -> None:
        """Drop what is over and lapsed before a moment, in seconds since the epoch."""
        ...

    async def page(
        self, limit: int, state: str = "", mission: str = "", before: str | None = None
    ) -> Sequence[Approval]:
        """Newest first; ``before`` is the id of the last one already seen."""
        ...


class AdminTokens(Protocol):
    """Where the admin API's tokens live; every method raises UnavailableError when the store is gone."""

    async def add(self, token: AdminToken) -> None:
        """Store a new token; raise ConflictError while another one of its name isn't revoked."""
        ...

    async def find(self, identifier: str, now: float) -> AdminToken | None:
        """The token of an id that somebody shows now; of a live one the time is noted, to the minute."""
        ...

    async def get(self, identifier: str) -> AdminToken | None:
        """The token of an id."""
        ...

    async def page(self, limit: int, before: str | None = None) -> Sequence[AdminToken]:
        """Newest first, of any state; ``before`` is the id of the last one already seen."""
        ...

    async def revoke(self, identifier: str, now: float) -> None:
        """Take a token back; one that was taken back before stays as it was."""
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """Missions that were written after a version, each as it is now.

    ``version`` is where to ask on. Unless there are ``more``, it is also complete: nothing written up to it is missing.
    With more to come nothing is: a mission that was written twice stands where its last write is.
    """

    missions: Sequence[Mission]
    version: int
    more: bool


@dataclass(frozen=True, slots=True)
class Live:
    """Every live mission, complete up to ``version`` of ``history``."""

    missions: Sequence[Mission]
    version: int
    history: str


class Feed(Protocol):
    """Every write of a mission has the next number, in the order in which they are committed."""

    async def feed_version(self) -> int:
        """The number of the last write."""
        ...

    async def changed_since(self, version: int, limit: int) -> Changed:
        """Missions written after a version, at most ``limit`` of them."""
        ...

    async def live_and_version(self) -> Live:
        """What a process needs at its start, and where it asks on."""
        ...

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` in the running event loop when there may be something new; return how to stop that.

        It may come more often than needed. Look once right after this: what came before isn't told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a replica hears when it confirms.

    It was complete at that moment when ``version`` is the one it confirmed, ``history`` is the one it has read in, and
    it hasn't ``lapsed``. A lower version or another history means that the database lost commits: read everything anew.
    A lapsed one registers again before it confirms.
    """

    version: int
    lapsed: bool
    history: str


class Replicas(Protocol):
    """Who acts on missions, and up to which version of the feed (the guarantee is told in ``store/replicas.py``)."""

    async def register(self, replica: str, name: str) -> None:
        """Enter a replica that has acted on nothing yet, or anew."""
        ...

    async def confirm(self, replica: str, seen: int) -> Confirmed:
        """Say that everything up to ``seen`` is acted on; reads the newest version in the same transaction."""
        ...

    async def pending(self, version: int) -> Sequence[str]:
        """The registered, not lapsed replicas that haven't confirmed a version."""
        ...

    async def lapse(self, replicas: Collection[str], version: int) -> Sequence[str]:
        """Mark those that still haven't confirmed a version as lapsed, and return them: their lease must be over."""
        ...

    async def leave(self, replica: str) -> None:
        """Take a replica out that acts no more."""
        ...

    async def clean(self, older_than: float) -> int:
        """Forget lapsed replicas that were last seen before a time; return how many."""
        ...

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when a replica may have confirmed, lapsed or left; as :meth:`Feed.listen`."""
        ...


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


class Leases(Protocol):
    """Work with one holder at a time (what that guarantees and what not is told in ``store/leases.py``)."""

    async def take(self, name: str, holder: str, seconds: float) -> int | None:
        """Become the holder and return a token, higher than any before; None while somebody else holds it."""
        ...

    async def renew(self, name: str, token: int, seconds: float) -> bool:
        """Hold it for longer; False when it is lost: stop."""
        ...

    async def give_back(self, name: str, token: int) -> None:
        """Let the next one in at once."""
        ...


@dataclass(frozen=True, slots=True)
class TokenLeft:
    """A token that is dropped here and lives on at its service, because its issuer can't revoke it or didn't answer.

    ``id`` names it in the audit, ``expires_at`` is its end of life in epoch seconds; None: until somebody changes it there.
    """

    service: str
    id: str
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a mission's tokens in one worker."""

    dropped: int = 0
    revoked: int = 0
    left: tuple[TokenLeft, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What the data path did with a change of missions: when it returns, nothing of an ended mission is sent any more.

    ``milliseconds`` is all of it, ``cut_ms`` the time until no further byte could go, ``tokens_ms`` what issuers took after
    that. ``workers`` have confirmed; ``lapsed`` ones didn't, and their lease has run out: they serve nobody until they have
    caught up. ``left`` are tokens that live on.
    """

    connections_cut: int = 0
    tokens_dropped: int = 0
    tokens_revoked: int = 0
    milliseconds: float = 0.0
    cut_ms: float = 0.0
    tokens_ms: float = 0.0
    workers: int = 1
    lapsed: tuple[str, ...] = ()
    left: tuple[TokenLeft, ...] = ()

    def then(self, others: Sequence[Applied]) -> Applied:
        """All together, where the others came after this one and beside each other."""
        every = (self, *others)
        return Applied(
            sum(each.connections_cut for each in every),
            sum(each.tokens_dropped for each in every),
            sum(each.tokens_revoked for each in every),
            self.milliseconds + max((each.milliseconds for each in others), default=0.0),
            self.cut_ms + max((each.cut_ms for each in others), default=0.0),
            self.tokens_ms + max((each.tokens_ms for each in others), default=0.0),
            min(each.workers for each in every),
            tuple(dict.fromkeys(name for each in every for name in each.lapsed)),
            tuple(left for each in every for left in each.left),
        )

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "connections_cut": self.connections_cut,
            "tokens_dropped": self.tokens_dropped,
            "tokens_revoked": self.tokens_revoked,
            "tokens_left": [
                {"service": each.service, "token": each.id, "expires_at": _moment(each.expires_at)}
                for each in self.left
            ],
            "workers": self.workers,
            "lapsed": list(self.lapsed),
            "cut_ms": round(self.cut_ms, 3),
            "tokens_ms": round(self.tokens_ms, 3),
            "ms": round(self.milliseconds, 3),
        }


def _moment(seconds: float | None) -> str | None:
    """RFC 3339, in whole seconds and never too early; None stays."""
    return None if seconds is None else f"{datetime.fromtimestamp(math.ceil(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


class DestinationStore(Protocol):
    """Where added entries of the ceiling live. Writes are durable when they return; all raise UnavailableError."""

    async def add(self, entry: AllowedDestination) -> None:
        """Store a new entry, which has an id."""
        ...

    async def get(self, entry_id: str) -> AllowedDestination | None:
        """One entry, removed or not."""
        ...

    async def remove(self, entry_id: str, by: str, now: float) -> None:
        """Mark an entry as removed; of one that isn't there, or not any more, nothing changes."""
        ...

    async def kept(self) -> Sequence[AllowedDestination]:
        """Every entry that wasn't removed, oldest first, expired ones too."""
        ...

    async def uses(self) -> Mapping[str, LastUse]:
        """When each entry was last used, by ``host:port`` as written."""
        ...

    async def used(self, uses: Mapping[str, LastUse]) -> None:
        """Remember uses; one that is older than what is known changes nothing."""
        ...


CeilingsFeed = Callable[[Ceilings], Awaitable[Applied]]
"""Tells every worker of this host about changed ceilings; returns when nothing goes any more to what they don't allow."""


class TrafficReports(Protocol):
    """Whom workers tell what passed them; a report that is lost costs figures, never a decision."""

    async def report(self, traffic: Traffic) -> None:
        """Add one worker's figures since its last report."""
        ...


ChangeFeed = Callable[[Mission], Awaitable[Applied]]
"""Tells every worker about a changed mission and returns when all have acted on it, or can't send any more."""

Evaluate = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Asks a worker what it would decide: the members of ``decision.hypothetical.Asked`` in, ``decision`` and its ``context`` out.

Raises UnavailableError when no worker can say.
"""


class Watchtower(Protocol):
    """Hears of rules that have fired. In the control plane, so a call may cross processes."""

    async def report(self, firing: Firing) -> None:
        """Record a firing and do to its mission what its rule says, on every worker; a firing told twice is one.

        Raise UnavailableError when that isn't done yet: whoever tells of it repeats it, and meanwhile gives the mission no
        rights.
        """
        ...
