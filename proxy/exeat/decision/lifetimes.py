"""How long each mission still lives by a clock that nobody can set: a wall clock put back prolongs nothing. Pure.

Both clocks are asked, and the one by which less time is left counts. Must not know: which clocks these are, what ends a mission.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from exeat.model.mission import Mission


@final
class Lifetimes:
    """For each live mission, the end it was told with (wall clock) and the moment that this is (monotonic)."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, float]] = {}

    def note(self, mission: Mission, now: float, moment: float) -> None:
        """Take over a mission as it is told, at a wall-clock time and the monotonic moment that goes with it.

        One that is told again with the same end has no more time than before; with another end it has as much more, or less,
        as the two ends lie apart.
        """
        if mission.state.final:
            self._ends.pop(mission.id, None)
            return
        over = moment + mission.expires_at - now
        known = self._ends.get(mission.id)
        if known is not None:
            over = min(over, known[1] + mission.expires_at - known[0])
        self._ends[mission.id] = (mission.expires_at, over)

    def over(self, mission: str, moment: float) -> bool:
        """Whether a mission's time is up by the monotonic clock; one that is not known is judged by the wall clock alone."""
        known = self._ends.get(mission)
        return known is not None and not moment < known[1]

    def due(self, missions: Iterable[Mission], now: float, moment: float) -> list[Mission]:
        """Those of ``missions`` whose time is up by either clock."""
        return [each for each in missions if not now < each.expires_at or self.over(each.id, moment)]
