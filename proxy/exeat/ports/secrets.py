"""Secrets at rest.

Must not know: any implementation, any open secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from exeat.model.sealed import SealedSecret


class SealedSecrets(Protocol):
    """Where sealed secrets live. Writes are durable when they return; all raise UnavailableError when the store is gone."""

    async def get(self, name: str) -> SealedSecret | None:
        """The secret of a name."""
        ...

    async def every(self, prefix: str = "") -> Sequence[SealedSecret]:
        """All whose name begins with ``prefix``, in the order of their names."""
        ...

    async def put(self, secret: SealedSecret, *, tell: bool = False) -> None:
        """Store version 1 of a new name, or the version after the stored one; raise ConflictError when somebody was faster.

        With ``tell`` it is a change of the feed: what every replica must have acted on.
        """
        ...

    async def reseal(self, secret: SealedSecret) -> None:
        """Store the same version sealed under another key; raise ConflictError when there is a newer one."""
        ...

    async def remove(self, name: str, *, tell: bool = False) -> bool:
        """Forget a secret; whether there was one. ``tell`` as for :meth:`put`."""
        ...

    async def forget_previous(self, now: float) -> int:
        """Forget replaced values whose time is up; how many."""
        ...
