"""Tokens of Google Cloud: our word about the agent, exchanged, used to impersonate a service account, and narrowed to a bucket.

https://cloud.google.com/iam/docs/downscoping-short-lived-credentials. Only the last token leaves this file. Must not know:
caches, policies.
"""

from __future__ import annotations

import math
import re
from typing import final

import orjson

from exeat.credentials.google.federation import CLOUD, EXCHANGE, HOUR, Federation, granted
from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.grant import ACCESS_TOKEN, Asked, Grant, check_grant
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.google import GoogleFederation
from exeat.model.reason import Reason
from exeat.model.token import Token
from exeat.ports import Clock

_UID = re.compile(r'[A-Za-z][A-Za-z0-9:]*::"([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/([^"\\\\\']*))?"')
"""A bucket, or a bucket and the beginning of objects' names; what could end a text in a condition is no such name."""


@final
class GoogleIssuer:
    """Mint tokens for Google's APIs; implements the Issuer port."""

    def __init__(self, assertions: Assertions, endpoints: Endpoints, naming: Naming, clock: Clock) -> None:
        self._assertions = assertions
        self._endpoints = endpoints
        self._federation = Federation(endpoints, clock)
        self._naming = naming
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """One to three calls, one after the other; raise as ``ports.Issuer`` says."""
        details = spec.details
        if not isinstance(details, GoogleFederation):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a workload identity provider")
        boundary = _boundary(request, details) if details.boundary else None
        words = {details.scopes.get(word, details.scope) for word in request.scope.split()}
        scopes = sorted({scope for word in words for scope in word.split()})
        if not scopes:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "a token of no scope is of no use")
        word, account = self._assertions.federated(request, f"https:{details.provider}"), details.service_account
        through = frozenset({CLOUD}) if account else frozenset(scopes)
        asked = Asked(request.agent, through, frozenset(), HOUR if account else spec.ttl)
        grant = await self._federation.federate(details.sts_url, details.provider, word, asked)
        if account:
            grant = await self._federation.impersonate(details.iam_url, account, grant.value, scopes, spec.ttl)
        if boundary is not None:
            grant = await self._narrow(grant, details, boundary, spec.ttl)
        return self._naming.token(grant, request.session, spec.grade)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: Google revokes no such token."""
        return False

    async def _narrow(self, grant: Grant, details: GoogleFederation, boundary: dict[str, object], ttl: float) -> Grant:
        """A token that is the same but for what the boundary leaves of it; it ends when the one before does."""
        form = {
            "grant_type": EXCHANGE,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": grant.value.reveal(),
            "subject_token_type": ACCESS_TOKEN,
            "options": orjson.dumps({"accessBoundary": {"accessBoundaryRules": [boundary]}}).decode(),
        }
        sent = self._clock.time()
        answer = granted(await self._endpoints.post(details.sts_url, form, {}))
        # Google leaves the life out where it is that of a service account's token.
        fields = {"expires_in": math.ceil(grant.expires_at - sent), **answer.fields}
        if fields.get("access_token") == grant.value.reveal():
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "Google gave the token back without a boundary")
        asked = Asked("", frozenset(), frozenset(), ttl)
        narrowed = check_grant(fields, asked, sent=sent, now=self._clock.time())
        return Grant(narrowed.value, narrowed.id, min(narrowed.expires_at, grant.expires_at))


def _boundary(request: TokenRequest, details: GoogleFederation) -> dict[str, object]:
    """The one rule that leaves what was decided; raise RefusalError where the operation or its resource has none."""
    words = request.scope.split()
    named = _UID.fullmatch(request.resource)
    if named is None or not words or not all(word in details.boundary for word in words):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the boundary says nothing of this operation on this resource")
    bucket, prefix = named[1], named[2]
    rule: dict[str, object] = {
        "availablePermissions": sorted({each for word in words for each in details.boundary[word].split()}),
        "availableResource": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
    }
    if prefix:
        begins = f"projects/_/buckets/{bucket}/objects/{prefix}"
        rule["availabilityCondition"] = {"expression": f"resource.name.startsWith('{begins}')"}
    return rule


def _build(parts: IssuerParts) -> GoogleIssuer:
    naming = Naming(parts.key, parts.holders, parts.clock)
    return GoogleIssuer(parts.assertions, parts.endpoints, naming, parts.clock)


KIND = IssuerKind(
    "google",
    _build,
    Proof.CONTRACT,
    narrows="the operation's OAuth scope (grade B: no answer says what was granted); for Cloud Storage with `boundary` the bucket and the beginning of the object's name (grade A)",
    revokes="never: such tokens live until they expire, which is why `ttl` is short",
    limits=(
        "without a service account a token lives an hour; with one `ttl`, an hour at most",
        "a credential access boundary is for Cloud Storage alone, and narrows buckets with uniform access only",
        "up to three calls a mint; `issuer.url` must be an https URL, or the provider be given our JWK set",
    ),
)
