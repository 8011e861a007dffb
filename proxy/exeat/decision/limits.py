"""What Cedar is never asked: the mission's state, its time, its destinations, and how fresh it is.

Judged before every decision, so that no memo outlives a mission and no policy can widen one. Operations aren't a limit: a
site's own permit may grant more than the mission names. Must not know: services, policies.
"""

from __future__ import annotations

from exeat.decision.destinations import in_ceiling, in_mission
from exeat.decision.snapshot import SessionView
from exeat.model.decision import Deny
from exeat.model.mission import Ceilings, Mission, MissionState
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest


def check(view: SessionView, ceilings: Ceilings, request: CanonicalRequest, now: float) -> Deny | None:
    """Return why a session may not act at all, or not there, or None; ``now`` in epoch seconds."""
    mission = view.mission
    if mission.state is not MissionState.OPEN:
        if mission.state is MissionState.SUSPENDED:
            return Deny(Reason.MISSION_SUSPENDED)
        return Deny(Reason.MISSION_ENDED, detail=str(mission.state))
    if not now < mission.expires_at:  # written so that NaN refuses
        return Deny(Reason.MISSION_ENDED, detail="expired")
    if not in_mission(mission.destinations, request.host, request.port):
        return Deny(Reason.DESTINATION_NOT_ALLOWED, detail="not among the mission's destinations")
    if not in_ceiling(ceilings, request.host, request.port, now):
        return Deny(Reason.DESTINATION_NOT_ALLOWED, detail="no [[destination]] allows it any more")
    return None


def is_fresh(mission: Mission, fresh: float, now: float) -> bool:
    """Whether a mission was opened less than so many seconds ago, as acting on what is critical demands."""
    return 0 <= now - mission.opened_at < fresh  # one of the future was opened before the clock went back
