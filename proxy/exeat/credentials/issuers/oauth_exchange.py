"""Tokens of an authorization server, exchanged for our word about the agent (RFC 8693).

The server knows the agent by our assertion, narrows to the scope and audience asked for, and names us as the actor.
Must not know: caches, policies, how secrets are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.grant import ACCESS_TOKEN, Asked, check_grant, granted_value
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.oauth_exchange import TokenExchange
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Clock

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ON_BEHALF_OF = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105 a name


@final
class OAuthExchangeIssuer:
    """Mint tokens by token exchange; implements the Issuer port. ``secrets`` returns the subject token behind a reference."""

    def __init__(
        self,
        assertions: Assertions,
        client: Client,
        secrets: Callable[[str], Secret],
        naming: Naming,
        clock: Clock,
    ) -> None:
        self._assertions = assertions
        self._client = client
        self._secrets = secrets
        self._naming = naming
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Exchange a word about the agent for a token of exactly this scope and audience; it lives ``spec.ttl`` at most.

        Raise RefusalError(TOKEN_UNAVAILABLE) with the server's error code when it refuses, is late or can't be
        reached, RefusalError(TOKEN_TOO_WIDE) when it grants more than asked, in which case that token is revoked where
        it can be, or what another session holds.
        """
        exchange = _exchange_of(spec)
        scope = exchange.words(request.scope)
        if not scope:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "without a scope the server would grant all it has")
        form, sent = self._form(request, spec, exchange, scope), self._clock.time()
        fields = (await self._client.post(exchange, exchange.token_url, form)).granted()
        value = granted_value(fields)
        if value.reveal() in (form.get("subject_token", form.get("assertion")), form.get("actor_token")):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the authorization server gave our own assertion back")
        try:
            grant = check_grant(fields, _asked(request, spec, exchange, scope), sent=sent, now=self._clock.time())
        except RefusalError as error:
            if error.reason is Reason.TOKEN_TOO_WIDE:
                await self._client.withdraw(exchange, value)
            raise
        return self._naming.token(grant, request.session, spec.grade)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:
        """Revoke at the server (RFC 7009); False without a ``revoke_url``, or when it doesn't say that it did.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the server can't be reached.
        """
        return await self._client.revoke(_exchange_of(spec), token.value)

    def _form(self, request: TokenRequest, spec: IssuerSpec, exchange: TokenExchange, scope: str) -> dict[str, str]:
        if exchange.subject_token:
            subject = self._secrets(exchange.subject_token)
        else:
            subject = self._assertions.subject(request, exchange, scope)
        if exchange.on_behalf_of:
            return {
                "grant_type": _ON_BEHALF_OF,
                "requested_token_use": "on_behalf_of",
                "assertion": subject.reveal(),
                "scope": scope,
            }
        own_type = ":" in exchange.subject_type
        form = {
            "grant_type": _GRANT_TYPE,
            "subject_token": subject.reveal(),
            "subject_token_type": exchange.subject_type if own_type else _TOKEN_TYPE + exchange.subject_type,
            "scope": scope,
        }
        if exchange.names_kind:
            form["requested_token_type"] = ACCESS_TOKEN
        if exchange.subject_issuer:
            form["subject_issuer"] = exchange.subject_issuer
        if spec.audience:
            form["audience"] = spec.audience
        if exchange.resource:
            form["resource"] = exchange.resource
        if exchange.actor:
            form["actor_token"] = self._assertions.actor(exchange).reveal()
            form["actor_token_type"] = _TOKEN_TYPE + "jwt"
        return form


def _asked(request: TokenRequest, spec: IssuerSpec, exchange: TokenExchange, scope: str) -> Asked:
    words = exchange.extra.union(scope.split(" "))
    if exchange.short_names:
        words |= {word.rpartition("/")[2] for word in words}
    audiences = frozenset(filter(None, (spec.audience, exchange.resource)))
    return Asked(request.agent, words, audiences, spec.ttl, kind=exchange.names_kind)


def _exchange_of(spec: IssuerSpec) -> TokenExchange:
    if not isinstance(spec.details, TokenExchange):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about an exchange")
    return spec.details


def _build(parts: IssuerParts) -> OAuthExchangeIssuer:
    client = Client(parts.assertions, parts.endpoints, parts.secrets)
    naming = Naming(parts.key, parts.holders, parts.clock)
    return OAuthExchangeIssuer(parts.assertions, client, parts.secrets, naming, parts.clock)


KIND = IssuerKind(
    "oauth_exchange",
    _build,
    Proof.ENFORCED,
    narrows="the scope of the operation and the audience or resource of the service; what the server answers is compared with both",
    revokes="at `revoke_url` (RFC 7009) where the server can; JWT access tokens usually can't be revoked and live until they expire",
    servers=("npm oidc-provider with an RFC 8693 grant",),
)
