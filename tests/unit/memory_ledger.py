"""``ports.Ledger`` in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence


class MemoryLedger:
    """Implements ``ports.Ledger``."""

    def __init__(self) -> None:
        self._used: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._visited: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        self.times: dict[str, float] = {}
        self.idle: list[str] = []

    async def reserve(self, mission: str, kind: str, wanted: int, bound: int) -> int:
        """Set aside up to ``wanted`` units."""
        used = self._used[mission]
        granted = max(0, min(wanted, bound - used.get(kind, 0)))
        used[kind] = used.get(kind, 0) + granted
        return granted

    async def release(self, mission: str, kind: str, amount: int) -> None:
        """Give back units that were not used."""
        used = self._used[mission]
        used[kind] = max(0, used.get(kind, 0) - amount)

    async def visit(self, mission: str, host: str, port: int, bound: int) -> bool:
        """Whether a mission may go there."""
        visited = self._visited[mission]
        if (host, port) not in visited and len(visited) >= bound:
            return False
        visited.add((host, port))
        return True

    async def used(self, mission: str) -> Mapping[str, int]:
        """What is used or reserved, by kind."""
        return {**self._used[mission], "destinations": len(self._visited[mission])}

    async def activity(self, mission: str, at: float) -> None:
        await self.activities({mission: at})

    async def activities(self, times: Mapping[str, float]) -> None:
        self.times.update(times)

    async def idle_missions(self, now: float) -> Sequence[str]:
        return self.idle
