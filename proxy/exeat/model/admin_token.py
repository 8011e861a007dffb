"""A token of the admin API as it is kept: never the secret, only its digest.

Must not know: how one is made or shown, what its role may do.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AdminToken:
    """``digest`` is the SHA-256 of the whole secret in hexadecimal; times in seconds since the epoch.

    ``used_at`` is exact to a minute.
    """

    id: str
    name: str
    role: str
    digest: str = field(repr=False)
    created_at: float
    created_by: str
    expires_at: float
    used_at: float | None = None
    revoked_at: float | None = None

    def live(self, now: float) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and now < self.expires_at
