"""What a worker knows at this moment: one cell holding the current immutable snapshot.

Must not know: how a snapshot comes about.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

from exeat.decision.lifetimes import Lifetimes
from exeat.decision.snapshot import Snapshot
from exeat.model.mission import MissionState


@final
class World:
    """Replaced whole, never changed in place, so that one request sees one state from beginning to end.

    ``fresh_until`` is the lease: until then (seconds since the machine started) the snapshot is known to hold every change
    that somebody was told is made. Past it nothing may be sent, whatever the snapshot says.
    """

    def __init__(self, snapshot: Snapshot, boot: Callable[[], float], fresh_until: float = math.inf) -> None:
        self.snapshot = snapshot
        self.draining = False
        self.barred: dict[str, MissionState] = {}
        """Missions that a rule stopped here, by id, until the control plane has done the same everywhere."""
        self.fresh_until = fresh_until
        self._boot = boot
        self.lifetimes = Lifetimes()

    @property
    def stale(self) -> bool:
        """Whether the lease has run out: there may be changes this worker doesn't know."""
        return not self._boot() < self.fresh_until

    def is_live(self, session: str) -> bool:
        """Whether a session may act now: the lease holds, by the snapshot its mission is there and open, no rule stopped it.

        Expiry is judged at each decision, and ends the mission, which drops it here.
        """
        view = self.snapshot.sessions.get(session)
        if view is None or view.mission.state is not MissionState.OPEN or not self._boot() < self.fresh_until:
            return False
        return not self.barred or view.mission.id not in self.barred

    def takes_credential(self, host: str, port: int) -> bool:
        """Whether a service there has a place for a credential, where a placeholder can stand."""
        found = self.snapshot.services.for_host(host, port)
        return found is not None and found.service.credential is not None
