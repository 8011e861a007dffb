"""When a mission leaves its path: the rules that say what counts as that, and a rule's firing with its evidence.

Must not know: how any of it is noticed, what ending a mission means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from exeat.model.reason import Reason


class When(StrEnum):
    """What a rule watches for."""

    MODEL = "model_mismatch"
    REFUSALS = "refusals"
    UNLISTED = "unlisted_destination"
    BURST = "write_burst"
    HONEYTOKEN = "honeytoken"
    SECRET = "secret_in_body"  # noqa: S105 a kind of rule, not a secret
    FOREIGN = "foreign_credential"
    CONFLICT = "identity_conflict"
    AGENT = "agent_changed"


class Then(StrEnum):
    """What a firing does to its mission."""

    ALERT = "alert"
    SUSPEND = "suspend"
    REVOKE = "revoke"


_CAUSES = {When.MODEL: "model", When.AGENT: "agent_changed"}
"""Causes with a name of their own; any other is ``rule:<name>``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``window`` in seconds: of counting, and in which one mission alerts only once.

    ``count`` refusals, of ``codes`` (empty: those that an agent brings upon itself); for bursts more than ``floor`` writes
    in a window and more than ``factor`` times what is usual. ``template``, ``agent`` and ``environment`` narrow it down.
    """

    name: str
    when: When
    then: Then
    window: float = 60.0
    count: int = 1
    codes: frozenset[Reason] = frozenset()
    factor: float = 5.0
    floor: int = 100
    template: str = ""
    agent: str = ""
    environment: str = ""

    @property
    def cause(self) -> str:
        """What a mission it ends or suspends says of itself."""
        return _CAUSES.get(self.when, f"rule:{self.name}")


Evidence = Mapping[str, str | int | float | Sequence[str] | Mapping[str, int]]
"""What a firing rests on: counts, codes, ids, names; never a value that somebody sent in confidence."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule has fired. ``count`` are the times it would have since it was last told of; ``agent`` is a SPIFFE ID."""

    id: str
    rule: str
    when: When
    then: Then
    cause: str
    mission: str
    agent: str
    environment: str
    decision_id: str = ""
    count: int = 1
    evidence: Evidence = field(default_factory=dict)
