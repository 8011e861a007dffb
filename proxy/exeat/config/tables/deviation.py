"""What ends missions by itself: rules, and values that nobody uses but a thief.

Must not know: behaviour.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exeat.config.values import Duration, Name, SourceReference, Table
from exeat.model.deviation import Then, When
from exeat.model.reason import Reason


class RuleTable(Table):
    """``[[rule]]``: what counts as leaving the path, and what follows; ``docs/deviation.md`` lists the built-in ones."""

    name: Name
    """One of a built-in rule's name takes its place."""
    when: When
    """What it watches for."""
    then: Then
    """``alert`` writes a record, at most one a mission and window; the others also refuse the request that made it fire."""
    window: Annotated[Duration, Field(ge=1, le=24 * 3600)] | None = None
    """In which refusals or writes are counted, and in which a mission alerts once. Default: 60s; 10s for ``write_burst``."""
    count: Annotated[int, Field(ge=1, le=1000)] | None = None
    """``refusals``: so many within one window fire. Default: 30."""
    codes: tuple[Reason, ...] = ()
    """``refusals``: the codes that count; empty: those that an agent brings upon itself."""
    factor: Annotated[float, Field(gt=1, le=1000)] | None = None
    """``write_burst``: so many times what is usual for the mission. Default: 5."""
    floor: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """``write_burst``: so many writes in a window are never a burst. Default: 100."""
    template: Name | None = None
    """Only missions of this template."""
    agent: Name | None = None
    """Only what this agent does."""
    environment: Name | None = None
    """Only missions of this environment."""


class HoneytokenTable(Table):
    """``[[honeytoken]]``: a credential that opens nothing and that nobody has a reason to use."""

    name: Name
    """What records call it."""
    source: SourceReference
    """Where its value is; 16 characters or more."""
