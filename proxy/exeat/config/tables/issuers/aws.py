"""``kind = "aws"``: temporary credentials of a role, narrowed to each decision.

Must not know: other kinds.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Duration, ServerUrl, SourceReference, Table
from exeat.model.issuing import Grade
from exeat.model.issuing.aws import AwsRole, Statement

_WORD = re.compile(r"(?<!\$)\{([^{}]*)\}")
_WORDS = frozenset({"id", "first", "rest"})
_KEYLESS_AUDIENCE = "sts.amazonaws.com"


class AwsStatementTable(Table):
    """One of ``service.issuer.statements``: what an operation may do at AWS, as narrow as IAM can say it."""

    actions: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}$")], ...], Field(min_length=1)
    ]
    """``s3:GetObject``."""
    resources: Annotated[tuple[Annotated[str, Field(pattern=r"^[!-~]{1,512}$")], ...], Field(min_length=1)]
    """Templates: ``{id}`` is the resource's id, ``{first}`` what stands before its first ``/``, ``{rest}`` what stands after it."""
    conditions: dict[str, dict[str, tuple[str, ...]]] = {}
    """As in IAM, with templates too: ``{ StringEquals = { "s3:prefix" = ["{rest}"] } }``."""

    @model_validator(mode="after")
    def _templates(self) -> Self:
        values = [value for keys in self.conditions.values() for each in keys.values() for value in each]
        for text in (*self.resources, *values):
            if unknown := set(_WORD.findall(text)) - _WORDS:
                raise ValueError(f"'{{{min(unknown)}}}' is not {{id}}, {{first}} or {{rest}}")
        return self

    def as_value(self) -> Statement:
        """The same as a value."""
        return Statement(self.actions, self.resources, {name: dict(keys) for name, keys in self.conditions.items()})


class AwsTable(IssuerTable):
    """AWS STS: AssumeRole with a long-lived key, or AssumeRoleWithWebIdentity with our own token and no key at all."""

    grade: ClassVar[Grade] = Grade.A

    kind: Literal["aws"]
    ttl: Annotated[Duration, Field(ge=900, le=43200)] = 900.0
    """How long a session lives; AWS gives no less than 15 minutes, and can't end one early."""
    sts_url: ServerUrl = "https://sts.amazonaws.com"
    """The STS endpoint, best the region's: ``https://sts.eu-central-1.amazonaws.com``."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    """The region that requests to STS are signed for."""
    role_arn: Annotated[str, Field(pattern=r"^arn:[a-z0-9-]+:iam:[0-9:]*:role/[!-~]{1,576}$")]
    """The role to assume; what it may do is the most that any session may."""
    access_key: SourceReference | None = None
    """Where the long-lived key that may assume it is, as ``KEY_ID:SECRET``; without one the role must trust our issuer
    (``issuer.url``) as an OIDC provider."""
    external_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@:/-]*$", max_length=1224)] = ""
    """``sts:ExternalId``, where the role's trust policy asks for one."""
    tags: bool = False
    """Tag sessions with agent and mission (``exeat:agent``, ``exeat:mission``); the trust policy must allow ``sts:TagSession``."""
    source_identity: bool = False
    """Set the source identity to the agent's name; the trust policy must allow ``sts:SetSourceIdentity``."""
    statements: Annotated[dict[str, AwsStatementTable], Field(min_length=1)]
    """By scope of an operation: a request whose scope isn't here gets no token."""

    def default_audience(self, hosts: tuple[str, ...]) -> str:  # noqa: ARG002 the same for every service
        """What AWS expects of an OIDC provider's tokens unless it was told otherwise."""
        return _KEYLESS_AUDIENCE

    def details(self) -> AwsRole:
        """Role and statements as values."""
        return AwsRole(
            sts_url=self.sts_url,
            region=self.region,
            role_arn=self.role_arn,
            statements={scope: each.as_value() for scope, each in self.statements.items()},
            access_key=self.access_key or "",
            external_id=self.external_id,
            tags=self.tags,
            source_identity=self.source_identity,
        )
