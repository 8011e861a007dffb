"""``kind = "google"``: tokens of Google Cloud, for our keys instead of a key of a service account.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Duration, Scope, ServerUrl
from exeat.model.issuing import Grade
from exeat.model.issuing.google import GoogleFederation

PROVIDER = (
    r"^//iam\.googleapis\.com/projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+$"
)
ACCOUNT = r"^([a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com)?$"
_FEDERATED = 3600.0
"""Seconds that a token of the Security Token Service lives, which nobody can shorten."""
Permission = Annotated[str, Field(pattern=r"^inRole:[A-Za-z0-9/._-]+( inRole:[A-Za-z0-9/._-]+)*$")]


class GoogleTable(IssuerTable):
    """Workload identity federation, with impersonation of a service account and a credential access boundary."""

    grade: ClassVar[Grade] = Grade.B

    kind: Literal["google"]
    provider: Annotated[str, Field(pattern=PROVIDER)]
    """The workload identity provider that trusts our JWK set, by its full name (``//iam.googleapis.com/projects/…``)."""
    service_account: Annotated[str, Field(pattern=ACCOUNT)] = ""
    """Whom to impersonate; without one the agent itself is the principal."""
    scope: Scope = "https://www.googleapis.com/auth/cloud-platform"
    """The OAuth scope where ``scopes`` says nothing."""
    scopes: dict[str, Scope] = {}
    """An operation's scope in Google's words: ``{ "files/list" = "https://www.googleapis.com/auth/drive.readonly" }``."""
    boundary: dict[str, Permission] = {}
    """For Cloud Storage: what remains of an operation's token on the bucket, or the part of it, that the request is about:
    ``{ "objects/get" = "inRole:roles/storage.objectViewer" }`` (grade A). Other operations get no token."""
    ttl: Duration = 300.0
    """How long an impersonated token lives. Without a service account Google chooses an hour."""
    sts_url: ServerUrl = "https://sts.googleapis.com/v1/token"
    iam_url: ServerUrl = "https://iamcredentials.googleapis.com/v1"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.service_account and self.ttl > _FEDERATED:
            raise ValueError("an impersonated token lives an hour at most")
        if not self.service_account and self.ttl < _FEDERATED:
            raise ValueError("without a service_account tokens live an hour: set ttl to that, or name one")
        return self

    def promised(self) -> Grade:
        """Google enforces a boundary; scopes are asked for, but no answer says which were granted."""
        return Grade.A if self.boundary else Grade.B

    def details(self) -> GoogleFederation:
        """Everything as it is written."""
        return GoogleFederation(
            provider=self.provider,
            service_account=self.service_account,
            scope=self.scope,
            scopes=dict(self.scopes),
            boundary=dict(self.boundary),
            sts_url=self.sts_url,
            iam_url=self.iam_url.rstrip("/"),
        )
