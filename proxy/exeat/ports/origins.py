"""How origins are found.

Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return IP addresses as text, best first; raise RefusalError(UPSTREAM_UNREACHABLE) when there are none."""
        ...
