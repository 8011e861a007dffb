"""Tokens of an authorization server, exchanged for our word about the agent (RFC 8693).

The server knows the agent by our assertion, narrows to the scope and audience asked for, and names us as the actor.
Must not know: caches, policies, how secrets are kept.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import final
from urllib.parse import quote_plus

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Answer, Endpoints
from exeat.credentials.oauth.grant import ACCESS_TOKEN, Asked, Grant, check_grant, granted_value
from exeat.credentials.oauth.holders import Holders
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.oauth_exchange import TokenExchange
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Clock

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105 a name
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_REVOKE_WIDE = 1.0
"""Seconds that a refusal may take longer so that a token too wide doesn't live on."""


@final
class OAuthExchangeIssuer:
    """Mint grade A tokens by token exchange; implements the Issuer port.

    ``secrets`` returns the client secret behind a reference; ``key`` keys the ids of tokens that have none of their own. Close it when the loop ends.
    """

    def __init__(
        self, assertions: Assertions, endpoints: Endpoints, secrets: Callable[[str], Secret], key: bytes, clock: Clock
    ) -> None:
        self._assertions = assertions
        self._endpoints = endpoints
        self._secrets = secrets
        self._key = hmac.digest(key, b"exeat exchanged token id v1", hashlib.sha256)
        self._clock = clock
        self._holders = Holders()

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Exchange our assertion for a token of exactly this scope and audience; it lives ``spec.ttl`` at most.

        Raise RefusalError(TOKEN_UNAVAILABLE) with the server's error code when it refuses, is late or can't be
        reached, RefusalError(TOKEN_TOO_WIDE) when it grants more than asked, in which case that token is revoked where
        it can be, or what another session holds.
        """
        exchange = _exchange_of(spec)
        # Several things asked at once are several words, each mapped for itself.
        words = {exchange.scopes.get(word, word) for word in request.scope.split()}
        scope = " ".join(sorted(" ".join(words).split()))
        if not scope:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "without a scope the server would grant all it has")
        form, sent = self._form(request, spec, exchange, scope), self._clock.time()
        answer = await self._post(exchange, exchange.token_url, form)
        if answer.status != 200:
            raise RefusalError(
                Reason.TOKEN_UNAVAILABLE, f"the authorization server refused: {answer.error} ({answer.status})"
            )
        value = granted_value(answer.fields)
        if value.reveal() in (form["subject_token"], form.get("actor_token")):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the authorization server gave our own assertion back")
        audiences = frozenset(filter(None, (spec.audience, exchange.resource)))
        asked = Asked(request.agent, frozenset(scope.split(" ")), audiences, spec.ttl)
        try:
            grant = check_grant(answer.fields, asked, sent=sent, now=self._clock.time())
        except RefusalError as error:
            if error.reason is Reason.TOKEN_TOO_WIDE:
                await self._withdraw(value, exchange)
            raise
        return self._token(grant, request.session)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:
        """Revoke at the server (RFC 7009); False without a ``revoke_url``, or when it doesn't say that it did.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the server can't be reached.
        """
        exchange = _exchange_of(spec)
        return bool(exchange.revoke_url) and await self._revoke(token.value, exchange)

    async def close(self) -> None:
        """Close the connections to every server."""
        await self._endpoints.close()

    def _form(self, request: TokenRequest, spec: IssuerSpec, exchange: TokenExchange, scope: str) -> dict[str, str]:
        form = {
            "grant_type": _GRANT_TYPE,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": self._assertions.subject(request, exchange, scope).reveal(),
            "subject_token_type": _TOKEN_TYPE + exchange.subject_type,
            "scope": scope,
        }
        if spec.audience:
            form["audience"] = spec.audience
        if exchange.resource:
            form["resource"] = exchange.resource
        if exchange.actor:
            form["actor_token"] = self._assertions.actor(exchange).reveal()
            form["actor_token_type"] = _TOKEN_TYPE + "jwt"
        return form

    async def _post(self, exchange: TokenExchange, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form as the client we are: with its secret (RFC 6749 §2.3.1) or a signed assertion (RFC 7523 §2.2)."""
        if exchange.client_secret:
            secret = self._secrets(exchange.client_secret)
            pair = f"{quote_plus(exchange.client_id)}:{quote_plus(secret.reveal())}"
            basic = base64.b64encode(pair.encode("ascii")).decode("ascii")
            return await self._endpoints.post(url, form, {"Authorization": f"Basic {basic}"})
        signed = {
            "client_id": exchange.client_id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertions.client(exchange).reveal(),
        }
        return await self._endpoints.post(url, {**form, **signed}, {})

    async def _revoke(self, value: Secret, exchange: TokenExchange) -> bool:
        form = {"token": value.reveal(), "token_type_hint": "access_token"}
        return (await self._post(exchange, exchange.revoke_url, form)).status == 200

    async def _withdraw(self, value: Secret, exchange: TokenExchange) -> None:
        """Best effort: the token is dropped and refused whatever comes of it."""
        if exchange.revoke_url:
            with suppress(RefusalError, TimeoutError):
                async with asyncio.timeout(_REVOKE_WIDE):
                    await self._revoke(value, exchange)

    def _token(self, grant: Grant, session: str) -> Token:
        digest = hmac.digest(self._key, grant.value.reveal().encode("ascii"), hashlib.sha256)
        if not self._holders.take(digest, session, grant.expires_at, self._clock.time()):
            # Not revoked: it is the other session's.
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "the authorization server granted what another session holds")
        public_id = grant.id or "xt-" + base64.b32encode(digest)[:20].decode("ascii").lower()
        return Token(grant.value, public_id, Grade.A, grant.expires_at)


def _exchange_of(spec: IssuerSpec) -> TokenExchange:
    if not isinstance(spec.details, TokenExchange):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about an exchange")
    return spec.details


def _build(parts: IssuerParts) -> OAuthExchangeIssuer:
    return OAuthExchangeIssuer(parts.assertions, parts.endpoints, parts.secrets, parts.key, parts.clock)


KIND = IssuerKind(
    "oauth_exchange",
    _build,
    Proof.ENFORCED,
    narrows="the scope of the operation and the audience or resource of the service; what the server answers is compared with both",
    revokes="at `revoke_url` (RFC 7009) where the server can; JWT access tokens usually can't be revoked and live until they expire",
    servers=("npm oidc-provider with an RFC 8693 grant",),
)
