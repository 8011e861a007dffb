"""Tokens and the secrets behind them.

Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Protocol

from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.secret import Secret
from exeat.model.token import Token


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
    ended: tuple[str, ...] = ()
    """The ids of those that were revoked."""


class Broker(Protocol):
    """Tokens for decisions: cached per session and scope, minted once for many waiters, dropped with the mission."""

    def cached(self, request: TokenRequest) -> Token | None:
        """A live token for exactly this request, or None. Does no I/O."""
        ...

    async def token(self, request: TokenRequest) -> Token:
        """Mint, or join the mint under way; raise as :meth:`Issuer.mint` does, or when the mission ended meanwhile."""
        ...

    def outdate(self, services: Collection[str]) -> None:
        """Use no token of these services again that is held now."""
        ...

    def end(self, mission: str) -> Awaitable[Ended]:
        """Drop every token of a mission before returning; what is returned waits for their revocation at the issuers."""
        ...
