"""What a kind of issuer is, and what it is built from; each file in ``issuers`` ends with the kind that it is.

Must not know: any kind.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from exeat.credentials.keys import KeyRing
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.holders import Holders
from exeat.model.secret import Secret
from exeat.ports import Clock, Issuer, Refresher


class Proof(StrEnum):
    """How it was shown that a kind's tokens are no wider than asked for."""

    ENFORCED = "enforced"
    """A real server refuses a wider use, in the tests."""
    CONTRACT = "contract-tested"
    """The requests and answers are those that the vendor publishes; no server of the vendor was there to refuse."""


@dataclass(frozen=True, slots=True)
class IssuerParts:
    """What issuers are built from, one set for each worker.

    ``secrets`` returns the secret behind a reference that a kind's details named, ``stored`` the shared credential of a
    service, or None; both may change while it runs, so ask each time. ``key`` keys the public ids of tokens.
    """

    clock: Clock
    keyring: KeyRing
    issuer_url: str
    assertions: Assertions
    endpoints: Endpoints
    tls: ssl.SSLContext
    secrets: Callable[[str], Secret]
    stored: Callable[[str], Secret | None]
    holders: Holders
    key: bytes = field(repr=False)
    refresher: Refresher | None = None
    """Uses refresh tokens, in the control plane."""


@dataclass(frozen=True, slots=True)
class IssuerKind:
    """One kind: how it is built, and what docs/issuers.md says of it beside its settings.

    ``narrows`` and ``revokes`` are sentences: to what a token is narrowed, and how it ends before its time.
    """

    name: str
    build: Callable[[IssuerParts], Issuer]
    proof: Proof
    narrows: str
    revokes: str
    limits: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    """What it was tried against."""
