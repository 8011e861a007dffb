"""What the gate's account adds up to: decisions, how long they took, what failed closed.

Labels are reasons, stages, services of the catalogue and classes of status: few, and none an agent could choose. Must not
know: who reads it.
"""

from __future__ import annotations

from typing import final

from exeat.counting import Counter, Counts, Durations
from exeat.model.reason import Reason

FAULTS = frozenset({
    Reason.AUDIT_UNAVAILABLE, Reason.STATE_STALE, Reason.INTERNAL_ERROR, Reason.POLICY_ERROR, Reason.TOKEN_UNAVAILABLE,
    Reason.TOKEN_TOO_WIDE,
})  # fmt: skip
"""Refusals for which nobody's request is to blame, but a part of ours or an issuer."""
_DECISION_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UPSTREAM_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@final
class Tally:
    """Counts of one gate."""

    __slots__ = ("decisions", "durations", "faults", "upstream")

    def __init__(self) -> None:
        self.decisions = Counter()
        self.durations = Durations(_DECISION_BOUNDS)
        self.upstream = Durations(_UPSTREAM_BOUNDS)
        self.faults = Counter()

    def decided(self, verdict: str, reason: str, service: str, seconds: float) -> None:
        """Count a decision; ``seconds`` from the request's head to its record."""
        self.decisions.add((verdict, reason, service))
        self.durations.add(("decide",), seconds)
        if reason in FAULTS:
            self.faults.add((reason,))

    def minted(self, seconds: float) -> None:
        """Count a token that had to be waited for."""
        self.durations.add(("mint",), seconds)

    def answered(self, service: str, status: int | None, seconds: float) -> None:
        """Count a request that was handed over; ``status`` None when no answer came."""
        self.upstream.add((service, "none" if status is None else f"{status // 100}xx"), seconds)

    def failed(self, reason: Reason | None) -> None:
        """Count what was permitted and then couldn't be carried out."""
        if reason in FAULTS:
            self.faults.add((str(reason),))

    def read(self) -> Counts:
        """Everything counted, by metric."""
        return {
            "exeat_decisions_total": self.decisions.values,
            "exeat_fail_closed_total": self.faults.values,
            **self.durations.read("exeat_decision_duration_seconds"),
            **self.upstream.read("exeat_upstream_request_duration_seconds"),
        }
