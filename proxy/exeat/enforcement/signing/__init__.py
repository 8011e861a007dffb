"""Credentials that are no value in a place but a signature over the request: one file for each way of signing.

Must not know: any engine, how a token was obtained.
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


NO_SIGNERS: Mapping[PlaceKind, Signer] = {}
