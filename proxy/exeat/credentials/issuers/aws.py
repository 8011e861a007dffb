"""Temporary AWS credentials: a role assumed for one agent and mission, narrowed by a session policy to the decision.

With a long-lived key (AssumeRole), or with our own signed word about the agent and no key (AssumeRoleWithWebIdentity). Cites:
AWS STS API reference. Must not know: caches, how requests are signed with what it mints.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import final
from urllib.parse import urlencode, urlsplit

from exeat.credentials.aws.answer import Asked, read_error, read_session
from exeat.credentials.aws.policy import session_policy
from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.aws import AwsRole
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.sigv4 import AwsKeys, Scope, authorization, moment, read_keys

_VERSION = "2011-06-15"
_UNFIT = re.compile(r"[^\w+=,.@-]", re.ASCII)
_LONGEST_NAME = 64
"""Characters of a session's name and of a source identity."""
_FORM = "application/x-www-form-urlencoded"


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
            "Version": _VERSION,
            "RoleArn": role.role_arn,
            "RoleSessionName": name,
            "DurationSeconds": str(int(spec.ttl)),
            "Policy": session_policy(role.statements, request.scope, request.resource),
        }
        source = _fitting(request.agent.rpartition("/")[2]) if role.source_identity else ""
        sent = self._parts.clock.time()
        if role.access_key:
            try:
                keys = read_keys(self._parts.secrets(role.access_key))
            except ValueError as error:
                raise RefusalError(Reason.TOKEN_UNAVAILABLE, str(error)) from None
            form |= {"Action": "AssumeRole", **_about(request, role, source)}
            status, body = await self._ask(role, form, keys, sent)
        else:
            word = self._word(request, role, spec.audience, source)
            form |= {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": word.reveal()}
            status, body = await self._ask(role, form, None, sent)
        if status != 200:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"STS refused: {read_error(body)} ({status})")
        now = self._parts.clock.time()
        subject = "" if role.access_key else request.agent
        asked = Asked(_arn_of(role.role_arn, name), spec.ttl, subject, source)
        session = read_session(body, asked, sent=sent, now=now)
        return self._token(session.keys, session.expires_at, request.session)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: AWS has no call that ends one session; it lives until its end, which is 15 minutes away at least."""
        return False

    async def _ask(self, role: AwsRole, form: Mapping[str, str], keys: AwsKeys | None, now: float) -> tuple[int, bytes]:
        body = urlencode(form).encode("ascii")
        headers = {"Content-Type": _FORM, "Accept": "text/xml"}
        if keys is not None:
            scope, url = Scope(moment(now), role.region, "sts"), urlsplit(role.sts_url)
            fields = (
                (b"host", url.netloc.encode("ascii")),
                (b"content-type", _FORM.encode("ascii")),
                (b"x-amz-date", scope.moment.encode("ascii")),
            )
            names = [name.decode("ascii") for name, _ in fields]
            payload = hashlib.sha256(body).hexdigest()
            # The signature's text is put together in some 70 microseconds; STS takes a thousand times as long.
            value, _ = authorization(keys, scope, "POST", url.path or "/", url.query, fields, names, payload)
            headers |= {"X-Amz-Date": scope.moment, "Authorization": value}
        return await self._parts.endpoints.send("POST", role.sts_url, headers, body)

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


def _arn_of(role_arn: str, session: str) -> str:
    """What STS calls the session: ``arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION``, without the role's path."""
    head, _, name = role_arn.partition(":role/")
    return f"{head.replace(':iam:', ':sts:', 1)}:assumed-role/{name.rpartition('/')[2]}/{session}"


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
