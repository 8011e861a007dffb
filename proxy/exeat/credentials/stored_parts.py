"""Custody of a credential of several texts: the agent never holds any, but it is no narrower than before.

Must not know: what they are, how they are shown to a service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from exeat.credentials.issuing import IssuerParts
from exeat.credentials.public_ids import digest_of, public_id
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.stored_parts import StoredParts
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token

_NOTHING: Callable[[Token], None] = lambda _: None  # noqa: E731 what most have to check


@final
class StoredPartsIssuer:
    """Hand out what is stored as a grade C token; implements the Issuer port.

    ``secrets`` returns what is behind a reference, which may change; ``key`` keys the tokens' ids; ``check`` raises
    RefusalError for a token that can't be used.
    """

    def __init__(
        self, prefix: str, secrets: Callable[[str], Secret], key: bytes, check: Callable[[Token], None] = _NOTHING
    ) -> None:
        self._prefix = prefix
        self._secrets = secrets
        self._key = key
        self._check = check
        self._tokens: dict[str, Token] = {}

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Return the stored credential, which has no end of its own; RefusalError(TOKEN_UNAVAILABLE) without one."""
        stored = spec.details
        if not isinstance(stored, StoredParts):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service doesn't say where its credential is")
        value = self._secrets(stored.value)
        parts = {name: self._secrets(reference) for name, reference in stored.parts.items()}
        held = self._tokens.get(request.service)
        if held is None or held.value is not value or any(held.parts.get(name) is not parts[name] for name in parts):
            digest = digest_of(self._key, f"{self._prefix} {request.service}", value, *parts.values())
            held = Token(value, public_id(self._prefix, digest), Grade.C, None, parts, public=frozenset(parts))
            self._tokens[request.service] = held
        self._check(held)
        return held

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: it is no mission's own, and lives until its owner replaces it."""
        return False


def built(
    prefix: str, check: Callable[[Token, float], None] | None = None
) -> Callable[[IssuerParts], StoredPartsIssuer]:
    """What builds the issuer of one kind; ``check`` is told the time too."""

    def build(parts: IssuerParts) -> StoredPartsIssuer:
        if check is None:
            return StoredPartsIssuer(prefix, parts.secrets, parts.key)
        return StoredPartsIssuer(prefix, parts.secrets, parts.key, lambda token: check(token, parts.clock.time()))

    return build
