"""What passed a worker, in figures: how much was permitted and refused, and who went where last.

Must not know: who counts, who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.credential_use import CredentialUse


@dataclass(frozen=True, slots=True)
class Use:
    """The last permitted request to one place; ``at`` in seconds since the epoch."""

    host: str
    port: int
    at: float
    agent: str
    mission: str


@dataclass(frozen=True, slots=True)
class LastUse:
    """What is known of an entry of the ceiling: since when it is there, when it was last used, and by whom."""

    seen_at: float
    used_at: float | None = None
    agent: str = ""
    mission: str = ""


@dataclass(frozen=True, slots=True)
class Traffic:
    """One worker's figures since its last report. ``permitted`` and ``refused`` are by mission, ``reasons`` by code."""

    worker: str
    at: float
    connections: int = 0
    permitted: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    tokens: Mapping[str, int] = field(default_factory=dict)
    credentials: tuple[CredentialUse, ...] = ()
