"""Tokens of callers beside the one in the file: made, recognised, listed, taken back.

A secret reads ``exeat_adm_<id>_<43 characters>``: the prefix is for secret scanners, the id finds the row, and the whole is
compared as a digest in constant time. Every call looks into the store, so a token that was taken back opens nothing from
then on, on any replica. Must not know: HTTP, what a role may do.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import final

from exeat.admin.call import Caller
from exeat.admin.roles import Role
from exeat.errors import NotFoundError
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.model.admin_token import AdminToken
from exeat.model.secret import Secret
from exeat.ports import AdminTokens, Clock

PREFIX = "exeat_adm_"
TOKEN_ID = r"[a-z2-7]{13}"  # noqa: S105 a shape, not a token
LONGEST_LIFE = 366 * 86400.0
"""Seconds: an admin token is rotated at least once a year."""
DEFAULT_LIFE = 90 * 86400.0

_SECRET = re.compile(rf"{PREFIX}({TOKEN_ID})_[A-Za-z0-9_-]{{43}}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_RESERVED = frozenset({"admin", "exeat"})
"""Names that records already use: for the token in the file, and for what happens by itself."""
_NO_DIGEST = "0" * 64


@final
class Tokens:
    """The tokens of one installation."""

    def __init__(self, store: AdminTokens, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def caller(self, shown: str) -> Caller | None:
        """Return whose live token this is, or None; raise UnavailableError when that can't be told."""
        match = _SECRET.fullmatch(shown)
        if match is None:
            return None
        now = self._clock.time()
        token = await self._store.find(match[1], now)
        # Compared also where there is none, so that the time taken doesn't tell which ids exist.
        same = hmac.compare_digest(_digest(shown), _NO_DIGEST if token is None else token.digest)
        if token is None or not same or not token.live(now):
            return None
        if token.role not in Role:
            return None  # a newer version's
        return Caller(token.name, Role(token.role), "token")

    def plan(self, name: str, role: Role, life: float, by: str) -> tuple[AdminToken, Secret]:
        """Return a new token and its secret, which is kept nowhere; raise InvalidFieldsError."""
        if name in _RESERVED:
            raise InvalidFieldsError([FieldError("name", f"{name!r} is what records call somebody else")])
        if not 0 < life <= LONGEST_LIFE:
            raise InvalidFieldsError([FieldError("expires", f"write at most {LONGEST_LIFE / 86400:g}d")])
        identifier = "".join(secrets.choice(_ALPHABET) for _ in range(13))
        secret = f"{PREFIX}{identifier}_{secrets.token_urlsafe(32)}"
        now = self._clock.time()
        return AdminToken(identifier, name, role.value, _digest(secret), now, by, now + life), Secret(secret)

    async def add(self, token: AdminToken) -> None:
        """Let a token be used; raise ConflictError while another one of its name isn't revoked."""
        await self._store.add(token)

    async def page(self, limit: int, before: str | None) -> Sequence[AdminToken]:
        """Return tokens of any state, newest first."""
        return await self._store.page(limit, before)

    async def get(self, identifier: str) -> AdminToken:
        """Return one token; raise NotFoundError."""
        found = await self._store.get(identifier)
        if found is None:
            raise NotFoundError(f"there is no token {identifier!r}", "exeat admin token list shows what there is.")
        return found

    async def revoke(self, token: AdminToken) -> AdminToken:
        """Take a token back for good and return it so; one that was taken back before stays as it was."""
        if token.revoked_at is not None:
            return token
        now = self._clock.time()
        await self._store.revoke(token.id, now)
        return replace(token, revoked_at=now)

    def state(self, token: AdminToken) -> str:
        """``live``, ``expired`` or ``revoked``."""
        if token.revoked_at is not None:
            return "revoked"
        return "live" if token.live(self._clock.time()) else "expired"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
