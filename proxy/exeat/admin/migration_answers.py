"""The shape of the answer about the migration of shared credentials, for the description alone, as in ``answers``.

Must not know: how an answer is made.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from exeat.admin.answers import Shape, Time

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
GradeShape = Literal["A", "B", "C", "none"]


class CredentialSeen(Shape):
    """Where the real credential stood: in which part of requests to which host."""

    in_: Annotated[str, Field(alias="in", description="header, basic, query, cookie or path; empty for days long ago.")]
    host: str
    calls: int


class CredentialCalls(Shape):
    """Calls in the period by what they brought; all but placeholder and none brought the real credential."""

    shared: int
    placeholder: int
    none: int
    retired: int
    foreign: int
    forwarded: int


class CredentialAgent(Shape):
    """One agent's calls; ``missions`` are those in which it sent the real credential within the last month."""

    agent: str
    sends: Literal["real", "both", "placeholder", "nothing"]
    real: int
    placeholder: int
    none: int
    last_real_at: Time | None
    last_at: Time
    missions: list[str]


class CredentialDay(Shape):
    """Calls of one day, UTC."""

    day: Day
    real: int
    placeholder: int
    none: int


class CredentialLine(Shape):
    """A credential by its fingerprint; one that nobody registered has no sources and no issuers."""

    fingerprint: str
    state: Literal["in_use", "placeholder_only", "scoped_tokens", "retired", "unused", "never_seen", "unregistered"]
    next: str
    registered: bool
    services: list[str]
    sources: list[str]
    issuers: dict[str, str]
    retire_by: Time | None
    grade_attainable: GradeShape | None
    grade_now: GradeShape | None
    seen: list[CredentialSeen]
    calls: CredentialCalls
    real: int
    share: float | None
    first_used_at: Time | None
    last_used_at: Time | None
    agents: list[CredentialAgent]
    days: list[CredentialDay]
    trend: Literal["rising", "falling", "steady", "none"]
    alerts: int


class Migration(Shape):
    """Every credential; ``findings`` counts those that somebody has to look at now."""

    time: Time
    days: int
    since: Time
    findings: int
    credentials: list[CredentialLine]
