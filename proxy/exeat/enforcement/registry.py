"""Live connections by mission, so that a mission's end reaches every socket it holds.

Must not know: any engine, why a mission ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from exeat.enforcement.limits.quotas import Cuttable, Quotas


@final
class Registry:
    """Which connections act for which mission. Single-threaded: everything happens on the worker's loop."""

    def __init__(self) -> None:
        self._by_mission: dict[str, set[Cuttable]] = {}
        self._all: set[Cuttable] = set()
        self.quotas = Quotas()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Cuttable, peer: str = "") -> None:
        """Note a new client connection from an address."""
        self._all.add(connection)
        self.quotas.enter(peer, connection)

    def bind(self, mission: str, connection: Cuttable) -> None:
        """Note for whom it acts."""
        self._by_mission.setdefault(mission, set()).add(connection)

    def remove(self, mission: str | None, connection: Cuttable) -> None:
        """Forget a connection that is gone."""
        self._all.discard(connection)
        self.quotas.leave(connection)
        bound = self._by_mission.get(mission or "")
        if bound is not None:
            bound.discard(connection)
            if not bound:
                del self._by_mission[mission or ""]

    def cut(self, mission: str) -> int:
        """Reset every connection of a mission; return how many there were."""
        connections = self._by_mission.pop(mission, set())
        for connection in connections:
            connection.cut()
        return len(connections)

    def leave(self, gone: Callable[[str, int], bool]) -> int:
        """Reset every connection that leads to a host and port which is ``gone``; return how many did."""
        return sum([connection.leave(gone) for connection in tuple(self._all)])

    def busy(self) -> bool:
        """Whether any connection has a request under way."""
        return any(connection.busy() for connection in self._all)

    def cut_all(self) -> int:
        """Reset every connection, at the end of a drain."""
        connections = list(self._all)
        self._by_mission.clear()
        for connection in connections:
            connection.cut()
        return len(connections)
