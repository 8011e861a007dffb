"""A secret as the store holds it: sealed, with its version.

Must not know: keys, what the secret opens.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """One entry; ``version`` grows by one with each change, and ``sealed`` is bound to name and version.

    ``previous`` is the value that it replaced, bound to the version before, which is still recognised, though not used,
    until ``previous_until``. Times are seconds since the epoch.
    """

    name: str
    version: int
    sealed: bytes
    changed_at: float
    changed_by: str = ""
    previous: bytes | None = None
    previous_until: float | None = None
