"""Who a connection speaks for, once its evidence was judged.

Must not know: how evidence is verified, any engine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from exeat.model.decision import Deny
from exeat.model.reason import Reason


@dataclass(frozen=True, slots=True)
class Identity:
    """A session by name. ``ended`` when the pass was genuine but its time is over.

    Without a ``mission`` it is an agent that may do nothing, and ``lacking`` says why; ``opens`` is the template of which a
    mission opens at its first request. ``until`` (epoch seconds) bounds what
    it may begin, whatever else holds; ``evidence`` are the kinds that proved it. Two are equal when they speak for the same
    session, whatever proved it.
    """

    mission: str
    agent: str
    ended: bool = False
    spiffe_id: str = field(default="", compare=False)
    until: float = field(default=math.inf, compare=False)
    evidence: tuple[str, ...] = field(default=(), compare=False)
    lacking: str = field(default="", compare=False)
    opens: str = field(default="", compare=False)

    @property
    def settled(self) -> bool:
        """Whether it says for which mission, be it over."""
        return self.ended or self.mission != ""

    @property
    def session(self) -> str:
        """The session's key."""
        return f"{self.mission}/{self.agent}"


@dataclass(frozen=True, slots=True)
class Undecided(Deny):
    """Nobody yet: the placeholder that may decide it comes with the first request. Who doesn't wait for it refuses."""

    reason: Reason = Reason.IDENTITY_MISSING


@dataclass(frozen=True, slots=True)
class Conflicting(Deny):
    """Nobody, as the evidence contradicts itself; ``session`` is whose genuine pass was among it, if any was."""

    session: str = ""
