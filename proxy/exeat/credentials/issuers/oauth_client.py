"""Tokens of an authorization server whose client we are: by our own credentials, our word about the agent, or a refresh token.

A refresh token is used by the control plane alone; here it is only asked for what the server answered. Must not know:
caches, policies, how secrets are kept, where a refresh happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.grant import Asked, check_grant, granted_value
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.oauth_client import OAuthClient
from exeat.model.reason import Reason
from exeat.model.token import Token
from exeat.ports import Clock, Refresher

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@final
class OAuthClientIssuer:
    """Mint tokens as an OAuth client; implements the Issuer port."""

    def __init__(
        self, assertions: Assertions, client: Client, refresher: Refresher | None, naming: Naming, clock: Clock
    ) -> None:
        self._assertions = assertions
        self._client = client
        self._refresher = refresher
        self._naming = naming
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Ask for the request's scope, or the fixed one; the token lives ``spec.ttl`` at most.

        Raise RefusalError(TOKEN_UNAVAILABLE) with the server's error code when it refuses, grants no scope, is late or can't be
        reached, RefusalError(TOKEN_TOO_WIDE) when it grants more than asked, in which case that token is revoked where it
        can be, or what another session holds.
        """
        client = _client_of(spec)
        scope = client.scope or client.words(request.scope)
        if not scope:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "without a scope the server would grant all it has")
        sent = self._clock.time()
        fields = await self._answer(request, spec, client, scope)
        value = granted_value(fields)
        asked = Asked(
            request.agent,
            client.extra.union(scope.split(" ")),
            frozenset(filter(None, (spec.audience, client.resource))),
            spec.ttl,
            kind=False,
            quiet=client.quiet,
        )
        try:
            grant = check_grant(fields, asked, sent=sent, now=self._clock.time())
        except RefusalError:
            # Also one without any scope: some servers read that as every scope.
            await self._client.withdraw(client, value)
            raise
        return self._naming.token(grant, request.session, spec.grade)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:
        """Revoke at the server (RFC 7009); False without a ``revoke_url``, or when it doesn't say that it did.

        The refresh token, where there is one, stays: other missions use it. Raise RefusalError(TOKEN_UNAVAILABLE) when the
        server can't be reached.
        """
        return await self._client.revoke(_client_of(spec), token.value)

    async def _answer(
        self, request: TokenRequest, spec: IssuerSpec, client: OAuthClient, scope: str
    ) -> Mapping[str, Any]:
        if client.grant == "refresh_token":
            if self._refresher is None:
                raise RefusalError(Reason.TOKEN_UNAVAILABLE, "nothing here uses refresh tokens")
            return await self._refresher.refresh(request.service, scope)
        form = {"grant_type": "client_credentials", "scope": scope}
        if client.grant == "jwt_bearer":
            form["grant_type"] = _JWT_BEARER
            form["assertion"] = self._assertions.subject(request, client, scope).reveal()
        if client.send_audience:
            form["audience"] = spec.audience
        if client.resource:
            form["resource"] = client.resource
        return (await self._client.post(client, client.token_url, form)).granted()


def _client_of(spec: IssuerSpec) -> OAuthClient:
    if not isinstance(spec.details, OAuthClient):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a client")
    return spec.details


def _build(parts: IssuerParts) -> OAuthClientIssuer:
    client = Client(parts.assertions, parts.endpoints, parts.secrets)
    naming = Naming(parts.key, parts.holders, parts.clock)
    return OAuthClientIssuer(parts.assertions, client, parts.refresher, naming, parts.clock)


KIND = IssuerKind(
    "oauth_client",
    _build,
    Proof.ENFORCED,
    narrows="the scope of the operation (grade A), or the one that an admin fixed with `scope` (grade B); what the server answers is compared with it",
    revokes="at `revoke_url` (RFC 7009) where the server can; JWT access tokens usually can't be revoked and live until they expire",
    limits=(
        "a refresh token is used by one process at a time over all workers and replicas; each use takes a round trip",
        "servers may end the refresh token with an access token that is revoked (RFC 7009 §2.1): tokens refreshed there live until they expire, unless `spares_refresh` is set",
        "a crash between the server's answer and its being stored loses the refresh token if the server rotates: the next use says so in the log and in every refusal, and somebody has to authorize again",
    ),
    servers=("npm oidc-provider", "PyPI authgent-server (the careless one)"),
)
