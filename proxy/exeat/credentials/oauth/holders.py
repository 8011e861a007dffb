"""Which session holds which granted token: a server that gives two sessions one token would undo their isolation.

Some servers cache by client and forget who the token is about; revoking one mission's token would then cut the other's,
and whoever holds it acts as both. Must not know: tokens themselves, only keyed digests of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import final

_MOST = 20_000


@final
class Holders:
    """The living digests, oldest first; bounded, so that what is forgotten early is only this check."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def take(self, digest: bytes, session: str, expires_at: float, now: float) -> bool:
        """Note that a session holds a token until ``expires_at``; False when another session still does."""
        holder, until = self._held.get(digest, (session, 0.0))
        if holder != session and now < until:
            return False
        self._held[digest] = (session, max(until, expires_at))
        self._held.move_to_end(digest)
        while len(self._held) > _MOST or next(iter(self._held.values()))[1] <= now:
            self._held.popitem(last=False)
            if not self._held:
                break
        return True
