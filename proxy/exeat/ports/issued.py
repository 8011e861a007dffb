"""The list of tokens that live at issuers outside.

Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from exeat.model.issued import IssuedToken, TokenState
from exeat.model.secret import Secret


class IssuedTokens(Protocol):
    """Where the list is kept. Every method may raise UnavailableError."""

    async def add(self, token: IssuedToken) -> None:
        """List a token; one that is listed already is listed anew."""
        ...

    async def of_mission(self, mission: str) -> Sequence[IssuedToken]:
        """Everything that a mission ever got, oldest first, as far as it isn't forgotten."""
        ...

    async def stranded(self, replica: str, now: float) -> Sequence[IssuedToken]:
        """Living tokens of ended missions that nobody else will end: of ``replica``, and of replicas that are gone."""
        ...

    async def settle(self, mission: str, ids: Collection[str], state: TokenState) -> None:
        """Note what became of some of them."""
        ...

    async def forget(self, before: float) -> int:
        """Forget what expired before a time (epoch seconds); return how many."""
        ...


class TokenList(Protocol):
    """Whom a worker tells of each token before it is used; a call may cross processes."""

    async def issued(self, token: IssuedToken, opener: Secret | None) -> None:
        """List it; ``opener`` is what its issuer is shown to revoke it. Raise UnavailableError when that can't be done now."""
        ...
