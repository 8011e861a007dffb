"""Who a connection speaks for, once its pass was verified.

Must not know: how a pass is verified, any engine.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A session by name. ``ended`` when the pass was genuine but its time is over."""

    mission: str
    agent: str
    ended: bool = False

    @property
    def session(self) -> str:
        """The session's key."""
        return f"{self.mission}/{self.agent}"
