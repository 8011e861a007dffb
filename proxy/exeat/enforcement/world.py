"""What a worker knows at this moment: one cell holding the current immutable snapshot.

Must not know: how a snapshot comes about.
"""

from __future__ import annotations

from typing import final

from exeat.decision.snapshot import Snapshot
from exeat.model.mission import MissionState


@final
class World:
    """Replaced whole, never changed in place, so that one request sees one state from beginning to end."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.draining = False

    def is_live(self, session: str) -> bool:
        """Whether a session may act now, by the current snapshot: its mission is there and open.

        Expiry is judged at each decision, and ends the mission, which drops it here.
        """
        view = self.snapshot.sessions.get(session)
        return view is not None and view.mission.state is MissionState.OPEN

    def takes_credential(self, host: str, port: int) -> bool:
        """Whether a service there has a place for a credential, where a placeholder can stand."""
        found = self.snapshot.services.for_host(host, port)
        return found is not None and found.service.credential is not None
