"""Custody of a shared credential: the agent never holds it, but it is no narrower than before.

Must not know: where the secret came from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import final

from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.service import Grade, IssuerSpec
from exeat.model.token import Token


@final
class StoredKeyIssuer:
    """Hand out the stored credential of a service as a grade C token; implements the Issuer port.

    ``stored`` maps a service to its secret, loaded at start; ``key`` keys the ids, so that an id in the audit neither
    shows a secret nor lets a weak one be guessed.
    """

    def __init__(self, stored: Mapping[str, Secret], key: bytes) -> None:
        self._tokens = {
            service: Token(secret, _public_id(key, service, secret), Grade.C, None)
            for service, secret in stored.items()
        }

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:  # noqa: ARG002 the port's signature
        """Return the service's credential, which has no end of its own; RefusalError(TOKEN_UNAVAILABLE) without one."""
        token = self._tokens.get(request.service)
        if token is None:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"no credential is stored for {request.service}")
        return token

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: others still use the shared credential; it ends on its ``retire_by`` date."""
        return False


def _public_id(key: bytes, service: str, secret: Secret) -> str:
    """60 bits of a keyed digest: enough to tell keys apart, useless for anything else."""
    subkey = hmac.digest(key, b"exeat stored key id v1", hashlib.sha256)
    digest = hmac.digest(subkey, f"{service}\0{secret.reveal()}".encode(), hashlib.sha256)
    return "key-" + base64.b32encode(digest)[:12].decode("ascii").lower()
