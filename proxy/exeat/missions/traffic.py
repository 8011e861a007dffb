"""What passed all workers, added up for whoever looks: per mission, per reason, per second.

Bounded: missions that nobody hears of any more are forgotten, oldest first. Must not know: who shows it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from exeat.missions.uses import LastUses
from exeat.model.credential_use import CredentialUse
from exeat.model.traffic import Traffic
from exeat.ports import Clock

WINDOW = 10.0
"""Seconds over which a rate is reckoned."""
_MISSIONS = 20_000
"""Twice as many as an installation is made for."""
_GONE = 60.0
"""Seconds after which a silent worker isn't listed any more."""


def _nobody(uses: Sequence[CredentialUse]) -> None:
    pass


@dataclass(slots=True)
class Counts:
    """One mission's requests so far, as far as this process has heard."""

    permitted: int = 0
    refused: int = 0


@final
class TrafficTotals:
    """Implements ``ports.TrafficReports`` in the control plane's own process."""

    def __init__(
        self, uses: LastUses, clock: Clock, credentials: Callable[[Sequence[CredentialUse]], None] = _nobody
    ) -> None:
        self._credentials = credentials
        """Is told which were brought."""
        self._uses = uses
        self._clock = clock
        self._missions: OrderedDict[str, Counts] = OrderedDict()
        self._reasons: Counter[str] = Counter()
        self._recent: deque[tuple[float, int, int]] = deque()
        self._workers: dict[str, tuple[float, Traffic]] = {}

    async def report(self, traffic: Traffic) -> None:
        """Add one worker's figures."""
        now = self._clock.monotonic()
        self._workers[traffic.worker] = now, traffic
        for mission in {*traffic.permitted, *traffic.refused}:
            counts = self._missions.setdefault(mission, Counts())
            self._missions.move_to_end(mission)
            counts.permitted += traffic.permitted.get(mission, 0)
            counts.refused += traffic.refused.get(mission, 0)
        while len(self._missions) > _MISSIONS:
            self._missions.popitem(last=False)
        self._reasons.update(traffic.reasons)
        self._recent.append((now, sum(traffic.permitted.values()), sum(traffic.refused.values())))
        self._trim(now)
        self._uses.note(traffic.uses)
        self._credentials(traffic.credentials)

    def mission(self, mission_id: str) -> Counts:
        """One mission's counts."""
        return self._missions.get(mission_id, Counts())

    def rates(self) -> Mapping[str, float]:
        """Requests and refusals a second, over the last ten."""
        self._trim(self._clock.monotonic())
        permitted = sum(entry[1] for entry in self._recent)
        refused = sum(entry[2] for entry in self._recent)
        return {"requests": round((permitted + refused) / WINDOW, 1), "refusals": round(refused / WINDOW, 1)}

    def reasons(self) -> Mapping[str, int]:
        """Refusals since the start by their code, most frequent first."""
        return dict(self._reasons.most_common())

    def workers(self) -> list[dict[str, Any]]:
        """The workers that reported lately, and how long ago they did."""
        now = self._clock.monotonic()
        self._workers = {name: seen for name, seen in self._workers.items() if now - seen[0] < _GONE}
        return [
            {
                "worker": name,
                "connections": traffic.connections,
                "tokens": dict(traffic.tokens),
                "reported_ms_ago": round((now - at) * 1000),
            }
            for name, (at, traffic) in sorted(self._workers.items())
        ]

    def _trim(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > WINDOW:
            self._recent.popleft()
