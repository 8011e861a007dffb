"""Custody of a shared credential: the agent never holds it, but it is no narrower than before.

Must not know: where the secret came from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token


@final
class StoredKeyIssuer:
    """Hand out the stored credential of a service as a grade C token; implements the Issuer port.

    ``stored`` returns a service's secret, which may change; ``key`` keys the ids, so that an id in the audit neither
    shows a secret nor lets a weak one be guessed.
    """

    def __init__(self, stored: Callable[[str], Secret | None], key: bytes) -> None:
        self._stored = stored
        self._key = key
        self._tokens: dict[str, Token] = {}

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:  # noqa: ARG002 the port's signature
        """Return the service's credential, which has no end of its own; RefusalError(TOKEN_UNAVAILABLE) without one."""
        service, secret = request.service, self._stored(request.service)
        if secret is None:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"no credential is stored for {service}")
        token = self._tokens.get(service)
        if token is None or token.value is not secret:
            token = self._tokens[service] = Token(secret, _public_id(self._key, service, secret), Grade.C, None)
        return token

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: others still use the shared credential; it ends on its ``retire_by`` date."""
        return False


def _public_id(key: bytes, service: str, secret: Secret) -> str:
    """60 bits of a keyed digest: enough to tell keys apart, useless for anything else."""
    subkey = hmac.digest(key, b"exeat stored key id v1", hashlib.sha256)
    digest = hmac.digest(subkey, f"{service}\0{secret.reveal()}".encode(), hashlib.sha256)
    return "key-" + base64.b32encode(digest)[:12].decode("ascii").lower()


def _build(parts: IssuerParts) -> StoredKeyIssuer:
    return StoredKeyIssuer(parts.stored, parts.key)


KIND = IssuerKind(
    "stored_key",
    _build,
    Proof.ENFORCED,
    narrows="nothing: the agent never has the credential, but what Exeat sends is as wide as it ever was",
    revokes="never by itself: others may still use it; it ends with its `retire_by` date, or when its owner replaces it",
    servers=("every service with a static key",),
)
