"""From evidence to a session: the agent as its evidence proves it, and the one mission it can mean.

Must not know: how evidence is verified, policies, any engine.
"""

from __future__ import annotations

import logging
from typing import final

from exeat.decision.snapshot import SessionView, Snapshot
from exeat.enforcement.identified import Conflicting, Identity, Undecided
from exeat.enforcement.openings import Openings
from exeat.enforcement.world import World
from exeat.errors import RefusalError
from exeat.identity.prove import ConflictError, Proven, Prover
from exeat.identity.shown import Shown, Way
from exeat.model.decision import Deny
from exeat.model.mission import MissionState
from exeat.model.reason import Reason
from exeat.ports import Clock

logger = logging.getLogger("exeat.identify")


@final
class Identifier:
    """Says for whom connections speak, by the current snapshot."""

    def __init__(self, prover: Prover, world: World, clock: Clock, openings: Openings | None = None) -> None:
        self._prover = prover
        self._world = world
        self._clock = clock
        self._openings = openings

    def identify(self, shown: Shown) -> Identity | Deny:
        """Return who a connection speaks for by what it shows, or why it speaks for nobody. Never raises."""
        snapshot = self._world.snapshot
        try:
            proven = self._prover.prove(shown, snapshot)
            if proven is None:
                return Undecided(detail="a placeholder may follow")
            return self._session(proven, shown.way, snapshot)
        except ConflictError as error:
            return Conflicting(error.reason, detail=error.detail, session=error.session)
        except RefusalError as error:
            if error.reason is Reason.MISSION_ENDED:
                return Identity("", "", ended=True)
            return Deny(error.reason, detail=error.detail)
        except Exception:
            logger.exception("identifying failed")
            return Deny(Reason.INTERNAL_ERROR, detail="identifying failed")

    def _session(self, proven: Proven, way: Way, snapshot: Snapshot) -> Identity:
        """A pass names its mission; otherwise it is the only one the agent could mean here."""
        mission, lacking, opens = proven.mission, "", ""
        if mission:
            view = snapshot.sessions.get(f"{mission}/{proven.name}")
            if way.template and view is not None and view.mission.template != way.template:
                raise ConflictError("the pass is of another mission than the listener's", view.session.key)
        else:
            candidates = self._candidates(proven, way, snapshot)
            mission = candidates[0].mission.id if len(candidates) == 1 else ""
            lacking = f"{len(candidates)} missions are open: a pass has to choose" if candidates else "none is open"
            if not candidates and self._openings is not None:
                opens = self._openings.template_for(proven, way)
        return Identity(
            mission,
            proven.name,
            spiffe_id=proven.agent,
            until=proven.until,
            evidence=tuple(str(kind) for kind in proven.kinds),
            lacking=lacking,
            opens=opens,
        )

    def _candidates(self, proven: Proven, way: Way, snapshot: Snapshot) -> list[SessionView]:
        """The agent's open missions that fit the way; suspended ones only where none is open."""
        now = self._clock.time()
        views = [
            view
            for view in snapshot.by_agent.get(proven.agent, ())
            if view.mission.expires_at > now and way.template in ("", view.mission.template)
        ]
        return [view for view in views if view.mission.state is MissionState.OPEN] or views
