"""JWTs of trusted issuers: issuer, key, signature, claims, in this order; nothing of a later part is believed before.

Must not know: agents, how keys are fetched.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Protocol, final

from exeat.identity.issuer import TrustedIssuer, VerifiedToken, check_claims, issuer_of
from exeat.identity.issuer_keys import IssuerKeys
from exeat.identity.jose import LONGEST, invalid_token, read_token
from exeat.identity.jwk import VerifyingKey
from exeat.model.secret import Secret
from exeat.ports import Clock


class ShownOnce(Protocol):
    """Remembers tokens that may be shown once; ``identity.replays.Replays`` does."""

    def use(self, issuer: str, identifier: str, expires: float, connection: int, /) -> None:
        """Raise RefusalError when another connection showed it already, or when it can't be remembered."""
        ...


@final
class TokenVerifier:
    """Verifies tokens; the last ``capacity`` good ones are remembered by digest, as passes are."""

    def __init__(self, keys: Iterable[IssuerKeys], replays: ShownOnce, clock: Clock, capacity: int = 4096) -> None:
        self._keys: Mapping[str, IssuerKeys] = {each.issuer.name: each for each in keys}
        self._issuers: Mapping[str, TrustedIssuer] = {name: each.issuer for name, each in self._keys.items()}
        self._replays = replays
        self._clock = clock
        self._capacity = capacity
        self._verified: OrderedDict[bytes, tuple[VerifiedToken, VerifyingKey]] = OrderedDict()

    def verify(self, presented: Secret, connection: int) -> VerifiedToken:
        """Return whom a token is about.

        Raise RefusalError: IDENTITY_INVALID unless all of it holds, STATE_STALE while that can't be known.
        """
        value = presented.reveal()
        if len(value) > LONGEST or not value.isascii():
            raise invalid_token("longer than 8 KiB, or not ASCII")
        digest = hashlib.sha256(value.encode("ascii")).digest()
        verified = self._remembered(digest)
        if verified is None:
            verified, key = self._examine(value)
            self._verified[digest] = (verified, key)
            if len(self._verified) > self._capacity:
                self._verified.popitem(last=False)
        if verified.issuer.once:
            self._replays.use(verified.issuer.name, verified.id, verified.expires_at, connection)
        return verified

    def _remembered(self, digest: bytes) -> VerifiedToken | None:
        """A good token seen before, if it hasn't expired and its key is still its issuer's."""
        remembered = self._verified.get(digest)
        if remembered is None:
            return None
        verified, key = remembered
        if self._clock.time() >= verified.expires_at or not self._keys[verified.issuer.name].holds(key):
            del self._verified[digest]
            return None
        self._verified.move_to_end(digest)
        return verified

    def _examine(self, value: str) -> tuple[VerifiedToken, VerifyingKey]:
        token = read_token(value)
        issuer = issuer_of(token, self._issuers)
        key = self._keys[issuer.name].find(token.kid)
        if not key.verifies(token.algorithm, token.signed, token.signature):
            raise invalid_token("its signature doesn't hold, or is by another algorithm than its key's")
        return check_claims(issuer, token, self._clock.time()), key
