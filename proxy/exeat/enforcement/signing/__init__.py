"""Credentials that are no value in a place but a signature over the request: one file for each way of signing.

Where the agent signs too, what it signed is read first, before anything is recorded or minted: a request that can't be signed
anew is refused then. Must not know: any engine, how a token was obtained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from exeat.model.decision import Inject
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.service import PlaceKind
from exeat.model.token import Token


class Signer(Protocol):
    """Signs what leaves: called last, when the fields and the target are what the origin will see."""

    def sign(
        self, request: CanonicalRequest, fields: Headers, target: str, inject: Inject, token: Token, now: float
    ) -> tuple[Headers, str]:
        """Return fields (without ``host``, as they came) and target with the signature, and nothing of the agent's own.

        ``now`` is in epoch seconds. Raise RefusalError when the request can't be signed in exactly one way.
        """
        ...


class UnfitBodyError(Exception):
    """A body isn't what its head says; the message is fixed text."""


class SignedBody(Protocol):
    """What a body goes through on its way out."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go now, which may be nothing; raise UnfitBodyError."""
        ...

    def end(self) -> bytes:
        """Return the rest; raise UnfitBodyError when the body isn't whole."""
        ...


class Signing(Protocol):
    """One request that is about to be signed."""

    needs_body: bool
    """Whether it can be signed only once its body is known: read it whole and begin anew."""

    def sign(self, fields: Headers, target: str, inject: Inject, token: Token, now: float) -> tuple[Headers, str]:
        """Return fields (without ``host``, as they came) and target with the signature, and nothing of the agent's own.

        Called last, when fields and target are what the origin will see. ``now`` is in epoch seconds.
        """
        ...

    def body(self) -> SignedBody | None:
        """What the body goes through on its way, after it was signed; None is through nothing."""
        ...


class SignatureReader(Protocol):
    """One way of signing anew what an agent has signed."""

    def read(self, request: CanonicalRequest, body: bytes | None, now: float) -> Signing:
        """Return how the request is to be signed; ``body`` is None until it was read whole.

        Raise RefusalError when it can't be signed in exactly one way; its detail is fixed text, which the agent is told.
        """
        ...


NO_SIGNERS: Mapping[PlaceKind, Signer] = {}
NO_READERS: Mapping[PlaceKind, SignatureReader] = {}
