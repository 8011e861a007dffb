"""Tokens in memory: one for each exact request, forgotten with their mission, never more than a fixed number.

Must not know: issuers, clocks, tasks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from exeat.model.decision import TokenRequest
from exeat.model.token import Token

_MARGIN = 2.0
"""Seconds; so long a token may still be on its way, and clocks may differ."""


@dataclass(slots=True, eq=False)
class Held:
    """A token with the times, in epoch seconds, from which it is renewed early and no longer handed out.

    ``since`` is when it came; ``previous`` is the token it replaced, which may still be alive at its issuer and dies with the mission too.
    """

    token: Token
    renew_at: float
    usable_until: float
    previous: Token | None = None
    since: float = 0.0

    @classmethod
    def begin(cls, token: Token, now: float, ttl: float) -> Held:
        """Hold a token until shortly before its end; one without an end is fetched anew after ``ttl`` seconds."""
        end = now + ttl if token.expires_at is None else token.expires_at
        life = end - now
        return cls(token, now + 0.75 * life, end - max(_MARGIN, 0.1 * life), since=now)

    def living(self, now: float) -> list[Token]:
        """Every token of this place that its issuer may still honour."""
        tokens = [self.token] if self.previous is None else [self.token, self.previous]
        return [token for token in tokens if token.expires_at is None or now < token.expires_at]


class TokenCache:
    """Least recently used goes first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[TokenRequest, Held] = OrderedDict()
        self._of_mission: dict[str, set[TokenRequest]] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def missions(self) -> int:
        """How many missions hold tokens."""
        return len(self._of_mission)

    def everything(self) -> Iterator[tuple[TokenRequest, Held]]:
        """All that is held."""
        yield from self._held.items()

    def get(self, request: TokenRequest) -> Held | None:
        """What is held for exactly this request, of whatever age."""
        held = self._held.get(request)
        if held is not None:
            self._held.move_to_end(request)
        return held

    def put(self, request: TokenRequest, held: Held) -> list[tuple[TokenRequest, Held]]:
        """Keep a token, remembering the one it replaces; return what had to go to make room."""
        before = self._held.get(request)
        if before is not None and before.token is not held.token:
            held.previous = before.token
        self._held[request] = held
        self._held.move_to_end(request)
        self._of_mission.setdefault(request.mission, set()).add(request)
        gone = []
        while len(self._held) > self._capacity:
            oldest, evicted = self._held.popitem(last=False)
            self._forget(oldest)
            gone.append((oldest, evicted))
        return gone

    def drop(self, mission: str) -> list[tuple[TokenRequest, Held]]:
        """Forget everything of a mission and return what that was."""
        return [(request, self._held.pop(request)) for request in self._of_mission.pop(mission, ())]

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._of_mission.clear()

    def _forget(self, request: TokenRequest) -> None:
        requests = self._of_mission[request.mission]
        requests.discard(request)
        if not requests:
            del self._of_mission[request.mission]
