"""Temporary AWS credentials: a role assumed for one agent and mission, narrowed by a session policy to the decision.

With a long-lived key (AssumeRole), or with our own signed word about the agent and no key (AssumeRoleWithWebIdentity). Cites:
AWS STS API reference. Must not know: caches, how requests are signed with what it mints.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import final

from exeat.credentials.aws.answer import Asked
from exeat.credentials.aws.calls import STS_VERSION, assume, session_arn
from exeat.credentials.aws.policy import session_policy
from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.aws import AwsRole
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.sigv4 import AwsKeys, read_keys

_UNFIT = re.compile(r"[^\w+=,.@-]", re.ASCII)
_LONGEST_NAME = 64
"""Characters of a session's name and of a source identity."""


@final
class AwsIssuer:
    """Mint grade A sessions; implements the Issuer port."""

    def __init__(self, parts: IssuerParts) -> None:
        self._parts = parts
        self._key = hmac.digest(parts.key, b"exeat aws session id v1", hashlib.sha256)

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Assume the role for exactly this request; the session lives ``spec.ttl`` at most.

        Raise RefusalError(TOKEN_UNAVAILABLE) with the error code of STS when it refuses, is late or can't be reached, or when
        no session policy is as narrow as the decision; RefusalError(TOKEN_TOO_WIDE) when the grant is wider than asked.
        """
        role = spec.details
        if not isinstance(role, AwsRole):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a role")
        name = session_name(request)
        form = {
            "Version": STS_VERSION,
            "RoleArn": role.role_arn,
            "RoleSessionName": name,
            "DurationSeconds": str(int(spec.ttl)),
            "Policy": session_policy(role.statements, request.scope, request.resource),
        }
        source = _fitting(request.agent.rpartition("/")[2]) if role.source_identity else ""
        keys = None
        if role.access_key:
            try:
                keys = read_keys(self._parts.secrets(role.access_key))
            except ValueError as error:
                raise RefusalError(Reason.TOKEN_UNAVAILABLE, str(error)) from None
            form |= {"Action": "AssumeRole", **_about(request, role, source)}
        else:
            word = self._word(request, role, spec.audience, source)
            form |= {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": word.reveal()}
        subject = "" if role.access_key else request.agent
        asked = Asked(session_arn(role.role_arn, name), spec.ttl, subject, source)
        parts = self._parts
        session = await assume(parts.endpoints, parts.clock, role.sts_url, role.region, form, keys, asked)
        return self._token(session.keys, session.expires_at, request.session)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: AWS has no call that ends one session; it lives until its end, which is 15 minutes away at least."""
        return False

    def _word(self, request: TokenRequest, role: AwsRole, audience: str, source: str) -> Secret:
        """Who the session is for; tags and source identity as AWS reads them in a token (IAM user guide, session tags)."""
        more: dict[str, object] = {}
        if role.tags:
            tags = {key: [value] for key, value in _tags(request).items()}
            more["https://aws.amazon.com/tags"] = {"principal_tags": tags, "transitive_tag_keys": list(tags)}
        if source:
            more["https://aws.amazon.com/source_identity"] = source
        return self._parts.assertions.about(request.agent, audience, **more)

    def _token(self, keys: AwsKeys, expires_at: float, session: str) -> Token:
        digest = hmac.digest(self._key, keys.access_key_id.encode("ascii"), hashlib.sha256)
        if not self._parts.holders.take(digest, session, expires_at, self._parts.clock.time()):
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "STS granted what another session holds")
        parts = {"access_key_id": Secret(keys.access_key_id)}
        if keys.session_token is not None:
            parts["session_token"] = keys.session_token
        # An access key id is no secret: it is how CloudTrail names the session.
        return Token(keys.secret, keys.access_key_id, Grade.A, expires_at, parts, public=frozenset({"access_key_id"}))


def session_name(request: TokenRequest) -> str:
    """How CloudTrail names the session: the agent, and its mission behind ``@``; a long agent's name is shortened."""
    mission = _UNFIT.sub("-", request.mission)[: _LONGEST_NAME // 2]
    agent = _UNFIT.sub("-", request.agent.rpartition("/")[2])[: _LONGEST_NAME - len(mission) - 1]
    return f"{agent}@{mission}"


def _fitting(text: str) -> str:
    return _UNFIT.sub("-", text)[:_LONGEST_NAME].ljust(2, "-")


def _tags(request: TokenRequest) -> dict[str, str]:
    return {"exeat:agent": request.agent[:256], "exeat:mission": request.mission[:256]}


def _about(request: TokenRequest, role: AwsRole, source: str) -> dict[str, str]:
    """What only AssumeRole takes as parameters."""
    form: dict[str, str] = {}
    if role.tags:
        for number, (key, value) in enumerate(_tags(request).items(), 1):
            form |= {f"Tags.member.{number}.Key": key, f"Tags.member.{number}.Value": value}
            form[f"TransitiveTagKeys.member.{number}"] = key
    if source:
        form["SourceIdentity"] = source
    if role.external_id:
        form["ExternalId"] = role.external_id
    return form


def _build(parts: IssuerParts) -> AwsIssuer:
    return AwsIssuer(parts)


KIND = IssuerKind(
    "aws",
    _build,
    Proof.ENFORCED,
    narrows="IAM actions and resources of the decision, by a session policy; the role's own policies bound it from above",
    revokes="never: AWS ends no single session; the token is dropped here and named with its end of life",
    limits=(
        "a session lives 15 minutes at least",
        "a session policy is 2,048 characters at most; a decision that needs more is refused",
        "several operations on several resources in one request are refused: no one policy is as narrow",
        "each resource is a session of its own; AWS bounds the calls to STS for each account and region",
        "keyless sessions need keys of ES256: AWS verifies no EdDSA",
    ),
    servers=("SeaweedFS",),
)
