"""What happens in a session, as far as rules are concerned.

Must not know: rules, requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.deviation import When
from exeat.model.reason import Reason

OWN_DOING = frozenset(
    {
        Reason.IDENTITY_CONFLICT,
        Reason.DESTINATION_NOT_ALLOWED,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.AUTHORITY_MISMATCH,
        Reason.REQUEST_MALFORMED,
        Reason.OPERATION_UNKNOWN,
        Reason.POLICY_DENIED,
        Reason.APPROVAL_DENIED,
        Reason.CREDENTIAL_FOREIGN,
        Reason.CREDENTIAL_RETIRED,
        Reason.MODEL_NOT_ALLOWED,
        Reason.PROTOCOL_NOT_ALLOWED,
    }
)
"""Refusals that an agent brings upon itself: not our faults, an origin's, a lack of budget or of an approval."""

_ALSO = {
    Reason.DESTINATION_NOT_ALLOWED: When.UNLISTED,
    Reason.CREDENTIAL_FOREIGN: When.FOREIGN,
    Reason.IDENTITY_CONFLICT: When.CONFLICT,
    Reason.MODEL_NOT_ALLOWED: When.MODEL,
}
"""Refusals that are more than one of many."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom events are about. ``agent`` is a name, ``spiffe_id`` the same agent as records call it."""

    mission: str
    agent: str
    spiffe_id: str
    environment: str
    template: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: ``kinds`` are those of the rules it concerns. ``destination`` is ``host:port`` or ``""``."""

    kinds: tuple[When, ...]
    decision_id: str = ""
    code: Reason | None = None
    destination: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)


def refused(
    code: Reason, decision_id: str, destination: str, evidence: Mapping[str, str], *, known: bool = True
) -> Event:
    """A request was refused. Without ``known`` the refusal says nothing beyond its code."""
    also = _ALSO.get(code) if known else None
    kinds = (When.REFUSALS,) if also is None else (also, When.REFUSALS)
    return Event(kinds, decision_id, code, destination, evidence)
