"""What reads secrets that lie elsewhere.

Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from exeat.credentials.held import Current
from exeat.errors import ExeatError


class RemoteSource(Protocol):
    """One kind of source; a name is what stands behind the colon of a reference."""

    async def fetch(self, names: Sequence[str]) -> Mapping[str, Current | ExeatError]:
        """Each of them as it is now, or why it can't be had: NotFoundError when nobody has set it. May raise when all fail alike."""
        ...
