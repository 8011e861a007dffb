"""Tokens of Google Cloud, for our keys instead of a key of a service account.

Must not know: how they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class GoogleFederation(IssuerDetails):
    """``provider`` is the workload identity provider's full name; ``service_account`` whom to impersonate, or ``""``.

    ``scopes`` maps what a request's scope says to OAuth scopes, ``scope`` is asked for where it says nothing. ``boundary`` maps it
    to the permissions that remain on the one bucket, or part of it, that the request is about.
    """

    provider: str
    service_account: str = ""
    scope: str = ""
    scopes: Mapping[str, str] = field(default_factory=dict)
    boundary: Mapping[str, str] = field(default_factory=dict)
    sts_url: str = ""
    iam_url: str = ""
