"""How a service's tokens are issued, as values: one file for each kind of issuer, with what only that kind needs.

Must not know: how a file describes it, how a token is minted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How narrow the best attainable token is (DESIGN §4): A this request, B short-lived, C custody only."""

    A = "A"
    B = "B"
    C = "C"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class IssuerDetails:
    """What one kind of issuer needs beside lifetime and audience; each kind has a subclass in a file of its own."""

    def secrets(self) -> Sequence[str]:
        """The source references of every secret it needs (``env:NAME``, …); they are loaded before anything is served."""
        return ()

    def public(self) -> Sequence[str]:
        """Those of them that are no secret once they are known: a user's name, a certificate."""
        return ()


@dataclass(frozen=True, slots=True)
class IssuerSpec:
    """Which issuer mints for a service: its ``kind`` and the ``grade`` that it promises, the lifetime in seconds, and what else that kind needs."""

    kind: str
    ttl: float
    audience: str = ""
    details: IssuerDetails | None = None
    grade: Grade = Grade.NONE
    rate: float | None = None
    """Mints a second at most."""
    listed: bool = False
    """Whether its tokens live outside: then they are listed before they are used, so that somebody can revoke them who didn't mint them."""
