"""Tokens of a Kubernetes service account by TokenRequest: one audience, minutes of life.

Must not know: caches, policies, what the account may do.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_urlsafe
from typing import final

import orjson

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.keys import KeyRing
from exeat.credentials.kubernetes.token_request import Wanted, check_token_request
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.holders import Holders
from exeat.credentials.public_ids import digest_of, public_id
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.kubernetes import ServiceAccountTokens
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Clock

_TYP = "JWT"  # our access tokens are "at+jwt"
_LIFE = 60
"""Seconds that what we sign about ourselves lives; it is used at once."""


@final
class KubernetesIssuer:
    """Mint grade B tokens; implements the Issuer port.

    ``keyring`` and ``issuer_url`` sign our word about ourselves, ``secrets`` returns the token that stands in its place, ``key``
    keys the ids of tokens that have none of their own.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        keyring: KeyRing,
        issuer_url: str,
        secrets: Callable[[str], Secret],
        holders: Holders,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._keyring = keyring
        self._issuer = issuer_url
        self._secrets = secrets
        self._holders = holders
        self._key = key
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Ask for a token of the service account that the operation's scope names, else of the service's.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the API server refuses, is late or can't be reached,
        RefusalError(TOKEN_TOO_WIDE) when it gives another token than asked.
        """
        account, clock = _details_of(spec), self._clock
        wanted = Wanted(
            account.namespace, _account(request.scope, account), spec.audience, int(spec.ttl), account.bound_to
        )
        sent = clock.time()
        headers = {"Authorization": f"Bearer {self._bearer(account)}", "Content-Type": "application/json"}
        body = orjson.dumps(wanted.body())
        answer = await self._endpoints.ask("POST", account.api_url + wanted.path, headers, body)
        if answer.status != 201:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"the API server refused a token ({answer.status})")
        granted = check_token_request(answer.fields, wanted, sent=sent, now=clock.time())
        digest = digest_of(self._key, "kubernetes token", granted.value)
        if not self._holders.take(digest, request.session, granted.expires_at, clock.time()):
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "the API server granted what another session holds")
        return Token(granted.value, granted.id or public_id("k8s", digest), Grade.B, granted.expires_at)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: a token ends with its time, with its service account or with the object that it is bound to."""
        return False

    def _bearer(self, account: ServiceAccountTokens) -> str:
        """A token from its source, or our own word about ourselves, which the API server verifies by our keys."""
        if account.token:
            return self._secrets(account.token).reveal()
        issued = int(self._clock.time())
        claims = {
            "iss": self._issuer,
            "sub": account.subject,
            "aud": account.login_audience,
            "jti": token_urlsafe(16),
            "iat": issued,
            "exp": issued + _LIFE,
        }
        return self._keyring.current().token(_TYP, claims).reveal()


def _account(scope: str, account: ServiceAccountTokens) -> str:
    """The one account of everything that is asked for at once."""
    found = {account.accounts.get(word, account.account) for word in scope.split()} or {account.account}
    if len(found) > 1:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "what is asked for at once needs several service accounts")
    return found.pop()


def _details_of(spec: IssuerSpec) -> ServiceAccountTokens:
    if not isinstance(spec.details, ServiceAccountTokens):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a service account")
    return spec.details


def _build(parts: IssuerParts) -> KubernetesIssuer:
    return KubernetesIssuer(
        parts.endpoints, parts.keyring, parts.issuer_url, parts.secrets, parts.holders, parts.key, parts.clock
    )


KIND = IssuerKind(
    "kubernetes",
    _build,
    Proof.CONTRACT,
    narrows=(
        "one service account and one audience; what the account may do is for the cluster's roles (RBAC) to say, and "
        "`service_accounts` chooses a narrower one for an operation"
    ),
    revokes="not before it expires, unless it is bound to an object (`bound_to`) that is deleted",
    limits=(
        "a token lives ten minutes at least",
        "an API server reads our keys by OpenID Connect discovery below `issuer.url`, over https",
    ),
    servers=("a server of our own that is strict about the published TokenRequest type: no cluster",),
)
