"""Everything outside, as Protocols: the only way the core touches a clock, a disk or a network.

Each docstring is a contract: what is returned, and what is raised. A port may raise anything; whatever is not a
``RefusalError`` is refused as ``internal_error``. Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from exeat.model.decision import TokenRequest
from exeat.model.mission import Mission
from exeat.model.record import Record
from exeat.model.secret import Secret
from exeat.model.service import IssuerSpec
from exeat.model.token import Token


class Clock(Protocol):
    """The time, injected so that tests can move it."""

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations and deadlines."""
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

    async def end(self, mission: str) -> tuple[int, int]:
        """Drop every token of a mission at once and revoke what can be: (dropped, revoked at the issuer)."""
        ...


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return IP addresses as text, best first; raise RefusalError(UPSTREAM_UNREACHABLE) when there are none."""
        ...


class MissionStore(Protocol):
    """Where missions live. Writes are durable when they return; all raise UnavailableError when the store is gone."""

    async def add(self, mission: Mission) -> None:
        """Store a new mission."""
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

    async def page(self, limit: int, before: str | None = None) -> Sequence[Mission]:
        """Newest first, of any state; ``before`` is the id of the last one already seen."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """What the data path did with a change of missions: when it returns, nothing of an ended mission is sent any more."""

    connections_cut: int = 0
    tokens_dropped: int = 0
    tokens_revoked: int = 0
    milliseconds: float = 0.0

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "connections_cut": self.connections_cut,
            "tokens_dropped": self.tokens_dropped,
            "tokens_revoked": self.tokens_revoked,
            "ms": round(self.milliseconds, 3),
        }


ChangeFeed = Callable[[Mission], Awaitable[Applied]]
"""Tells every worker about a changed mission and returns when all have acted on it."""
