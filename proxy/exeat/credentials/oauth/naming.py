"""A grant becomes a token: it gets a public id, and belongs to one session.

Must not know: servers, how the grant was had.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import final

from exeat.credentials.oauth.grant import Grant
from exeat.credentials.oauth.holders import Holders
from exeat.errors import RefusalError
from exeat.model.issuing import Grade
from exeat.model.reason import Reason
from exeat.model.token import Token
from exeat.ports import Clock


@final
class Naming:
    """``key`` keys the ids of tokens that have none of their own, ``holders`` are those of every issuer."""

    def __init__(self, key: bytes, holders: Holders, clock: Clock) -> None:
        self._key = hmac.digest(key, b"exeat exchanged token id v1", hashlib.sha256)
        self._holders = holders
        self._clock = clock

    def token(self, grant: Grant, session: str, grade: Grade) -> Token:
        """Return the token; raise RefusalError(TOKEN_TOO_WIDE) when another session holds the same one."""
        digest = hmac.digest(self._key, grant.value.reveal().encode("ascii"), hashlib.sha256)
        if not self._holders.take(digest, session, grant.expires_at, self._clock.time()):
            # Not revoked: it is the other session's.
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "the authorization server granted what another session holds")
        public_id = grant.id or "xt-" + base64.b32encode(digest)[:20].decode("ascii").lower()
        return Token(grant.value, public_id, grade, grant.expires_at)
