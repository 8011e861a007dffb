"""Everything outside, as Protocols: the only way the core touches a clock, a disk or a network.

Each docstring is a contract: what is returned, and what is raised. A port may raise anything; whatever is not a
``RefusalError`` is refused as ``internal_error``. Must not know: any implementation.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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


ChangeFeed = Callable[[Mission], Awaitable[Applied]]
"""Tells every worker about a changed mission and returns when all have acted on it, or can't send any more."""
