"""Tokens of Google Cloud: our word about the agent, exchanged, used to impersonate a service account, and narrowed to a bucket.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token,
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken,
https://cloud.google.com/iam/docs/downscoping-short-lived-credentials. Only the last token leaves this file. Must not know:
caches, policies.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import final

import orjson

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Answer, Endpoints
from exeat.credentials.oauth.grant import ACCESS_TOKEN, Asked, Grant, check_grant, granted_value
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.google import GoogleFederation
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Clock

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_CLOUD = "https://www.googleapis.com/auth/cloud-platform"
"""The scope under which a service account is impersonated."""
_HOUR = 3600.0
_SKEW = 5.0
_UID = re.compile(r'[A-Za-z][A-Za-z0-9:]*::"([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/([^"\\\\\']*))?"')
"""A bucket, or a bucket and the beginning of objects' names; what could end a text in a condition is no such name."""


@final
class GoogleIssuer:
    """Mint tokens for Google's APIs; implements the Issuer port."""

    def __init__(self, assertions: Assertions, endpoints: Endpoints, naming: Naming, clock: Clock) -> None:
        self._assertions = assertions
        self._endpoints = endpoints
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
        asked = Asked(request.agent, frozenset(scopes), frozenset(), spec.ttl)
        grant = await self._federate(request, details, asked)
        if details.service_account:
            grant = await self._impersonate(grant.value, details, scopes, spec.ttl)
        if boundary is not None:
            grant = await self._narrow(grant, details, boundary, spec.ttl)
        return self._naming.token(grant, request.session, spec.grade)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: Google revokes no such token."""
        return False

    async def _federate(self, request: TokenRequest, details: GoogleFederation, asked: Asked) -> Grant:
        """Our word about the agent for a token of the pool's principal."""
        through = bool(details.service_account)
        form = {
            "grant_type": _EXCHANGE,
            "audience": details.provider,
            "scope": _CLOUD if through else " ".join(sorted(asked.scope)),
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": self._assertions.federated(request, f"https:{details.provider}").reveal(),
            "subject_token_type": _JWT,
        }
        sent = self._clock.time()
        answer = _granted(await self._endpoints.post(details.sts_url, form, {}))
        life = _HOUR if through else asked.ttl
        checked = Asked(request.agent, frozenset({_CLOUD}) if through else asked.scope, frozenset(), life)
        return check_grant(answer.fields, checked, sent=sent, now=self._clock.time())

    async def _impersonate(self, federated: Secret, details: GoogleFederation, scopes: list[str], ttl: float) -> Grant:
        url = f"{details.iam_url}/projects/-/serviceAccounts/{details.service_account}:generateAccessToken"
        content = {"scope": scopes, "lifetime": f"{math.floor(ttl)}s"}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {federated.reveal()}"}
        answer = _granted(await self._endpoints.ask("POST", url, headers, orjson.dumps(content)))
        value = granted_value({"access_token": answer.fields.get("accessToken")})
        try:
            ends = datetime.fromisoformat(str(answer.fields.get("expireTime"))).timestamp()
        except ValueError:
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "Google granted a token without a readable expireTime") from None
        now = self._clock.time()
        if ends > now + ttl + _SKEW:
            raise RefusalError(Reason.TOKEN_TOO_WIDE, f"Google granted {ends - now:.0f} s of life, not {ttl:g} s")
        return Grant(value, "", min(ends, now + ttl))

    async def _narrow(self, grant: Grant, details: GoogleFederation, boundary: dict[str, object], ttl: float) -> Grant:
        """A token that is the same but for what the boundary leaves of it; it ends when the one before does."""
        form = {
            "grant_type": _EXCHANGE,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": grant.value.reveal(),
            "subject_token_type": ACCESS_TOKEN,
            "options": orjson.dumps({"accessBoundary": {"accessBoundaryRules": [boundary]}}).decode(),
        }
        sent = self._clock.time()
        answer = _granted(await self._endpoints.post(details.sts_url, form, {}))
        # Google leaves the life out where it is that of a service account's token.
        fields = {"expires_in": math.ceil(grant.expires_at - sent), **answer.fields}
        if fields.get("access_token") == grant.value.reveal():
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "Google gave the token back without a boundary")
        asked = Asked("", frozenset(), frozenset(), ttl)
        narrowed = check_grant(fields, asked, sent=sent, now=self._clock.time())
        return Grant(narrowed.value, narrowed.id, min(narrowed.expires_at, grant.expires_at))


def _granted(answer: Answer) -> Answer:
    if answer.status != 200:
        error = answer.fields.get("error")
        status = error.get("status") if isinstance(error, dict) else None
        said = status if isinstance(status, str) and re.fullmatch(r"[A-Z_]{1,40}", status) else answer.error
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"Google refused: {said} ({answer.status})")
    return answer


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
