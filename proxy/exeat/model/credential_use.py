"""How often which credential was brought, and the shared credentials that are known: what a migration is reckoned from.

Credentials are named by the public id of their fingerprint, never by anything from which they could be guessed. Must not know:
who counts, who asks.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86400.0
"""Days are counted from the epoch, UTC."""
NEVER_TOLD = frozenset({"none", "placeholder"})
"""States in which nothing real was brought: their counts say neither mission, place nor host."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was counted together. ``agent`` is a SPIFFE ID; every text but ``state`` and ``grade`` may be ``""`` for "not told"."""

    day: int
    fingerprint: str
    service: str
    state: str
    grade: str
    agent: str
    mission: str = ""
    place: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class CredentialUse:
    """So many requests that were judged, the first and the last of them at these times (seconds since the epoch)."""

    sight: Sight
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class CredentialTotal:
    """What is known of a credential at a service in one state, however long ago."""

    fingerprint: str
    service: str
    state: str
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class CredentialAlert:
    """A session brought a credential that nobody registered; ``count`` times so far."""

    fingerprint: str
    service: str
    agent: str
    mission: str
    state: str
    place: str
    host: str
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class RegisteredCredential:
    """A shared credential as the configuration has it. ``attainable`` is the best grade any issuer of its services promises.

    ``issuers`` are kinds by service, ``sources`` references to where it is kept; ``retire_by`` is the earliest of its services'.
    ``kept``: an issuer hands out the
    credential itself. ``replaced``: another value stands in its place by now, and it is recognised for its overlap only.
    """

    fingerprint: str
    services: tuple[str, ...]
    sources: tuple[str, ...]
    issuers: dict[str, str]
    attainable: str
    retire_by: float | None = None
    kept: bool = False
    replaced: bool = False
