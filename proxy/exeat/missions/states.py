"""Which change a mission's state allows. Pure: ``open ⇄ suspended``, both to ``closed``, ``expired`` or ``revoked``.

Must not know: what a change sets off.
"""

from __future__ import annotations

from enum import StrEnum

from exeat.errors import ConflictError
from exeat.model.mission import Mission, MissionState

PARENT = "parent"
"""The cause of what happens to a child because it happened to its parent."""


class Verb(StrEnum):
    """A change of state; the name is what the record says."""

    CLOSE = "close"
    REVOKE = "revoke"
    EXPIRE = "expire"
    SUSPEND = "suspend"
    RESUME = "resume"

    @property
    def narrows(self) -> bool:
        """Whether the mission may do less afterwards: such a change is never put off by a fault."""
        return self is not Verb.RESUME


_TARGET = {
    Verb.CLOSE: MissionState.CLOSED,
    Verb.REVOKE: MissionState.REVOKED,
    Verb.EXPIRE: MissionState.EXPIRED,
    Verb.SUSPEND: MissionState.SUSPENDED,
    Verb.RESUME: MissionState.OPEN,
}


def target(verb: Verb, mission: Mission, now: float, *, due: bool = False) -> MissionState:
    """Return the state after ``verb``; the present one when there is nothing to do.

    Ending what has ended is nothing to do. Raise ConflictError for anything else with an ended mission, and for
    expiring one whose time isn't up, unless something else says that it is ``due``.
    """
    if verb is Verb.EXPIRE and not mission.state.final and mission.expires_at > now and not due:
        raise ConflictError(f"mission {mission.id} isn't due yet")
    if verb in (Verb.SUSPEND, Verb.RESUME):
        require_live(mission, now)
    elif mission.state.final:
        return mission.state
    return _TARGET[verb]


def require_live(mission: Mission, now: float) -> None:
    """Raise ConflictError unless the mission is open or suspended and its time isn't up."""
    state = MissionState.EXPIRED if not mission.state.final and mission.expires_at <= now else mission.state
    if state.final:
        raise ConflictError(f"mission {mission.id} is {state}", "Open a new mission.")
