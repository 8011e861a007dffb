"""A token that was issued for a mission, as it is listed: everything about it but the token.

Must not know: where the list is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class TokenState(StrEnum):
    """What has become of it, as far as anybody told."""

    LIVE = "live"
    REVOKED = "revoked"
    LEFT = "left"
    """Dropped here; its issuer can't end it, or didn't answer."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """One line of the list. Times in epoch seconds; without ``expires_at`` it has no end of its own.

    ``id`` is the one that records name, ``replica`` the installation that minted. ``sealed`` is what its issuer is shown to
    revoke it, under the installation's key for secrets; None where nothing can.
    """

    id: str
    mission: str
    session: str
    service: str
    kind: str
    grade: str
    action: str
    issued_at: float
    expires_at: float | None
    replica: str = ""
    state: TokenState = TokenState.LIVE
    sealed: bytes | None = field(default=None, repr=False)
