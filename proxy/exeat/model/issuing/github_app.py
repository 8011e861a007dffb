"""A GitHub App that mints tokens for what it is installed on.

Must not know: how it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails

GITHUB_LIFE = 3600.0
"""Seconds that every installation token lives."""


@dataclass(frozen=True, slots=True)
class GitHubApp(IssuerDetails):
    """Who we are to GitHub, and what an operation needs there.

    ``private_key`` is a source reference, ``installation`` an id or 0. ``permissions`` maps what a request's scope says to
    permissions as ``name:level``; what it doesn't name is read as such. ``whole_installation`` allows tokens for all
    repositories where an operation acts on no single one.
    """

    client_id: str
    private_key: str
    api_url: str
    installation: int = 0
    permissions: Mapping[str, str] = field(default_factory=dict)
    whole_installation: bool = False

    def secrets(self) -> Sequence[str]:
        """The app's private key."""
        return (self.private_key,)
