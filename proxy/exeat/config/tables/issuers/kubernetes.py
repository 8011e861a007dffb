"""``kind = "kubernetes"``: short-lived tokens of a service account, by TokenRequest.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Duration, ServerUrl, SourceReference, Table
from exeat.model.issuing import Grade
from exeat.model.issuing.kubernetes import BoundObject, ServiceAccountTokens

LEAST = 600.0
"""Seconds; the API server refuses a shorter life."""
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")]


class BoundTable(Table):
    """``service.issuer.bound_to``: an object with which the tokens die."""

    kind: Literal["Pod", "Secret", "Node"]
    name: ObjectName
    uid: Annotated[str, Field(pattern=r"^[0-9a-f-]{0,36}$")] = ""


class KubernetesTable(IssuerTable):
    """Tokens of a Kubernetes service account (TokenRequest, ``authentication.k8s.io/v1``) for one ``audience``."""

    grade: ClassVar[Grade] = Grade.B

    kind: Literal["kubernetes"]
    api_url: ServerUrl = ""
    """Where the API server is; its authority goes into ``upstream.ca_file``."""
    namespace: Label = "default"
    service_account: ObjectName | Literal[""] = ""
    """Whose tokens are asked for; its roles (RBAC) say what they open."""
    service_accounts: dict[str, ObjectName] = {}
    """For an operation's scope another one: ``{ "pods/list" = "reader" }``."""
    bound_to: BoundTable | None = None
    token: SourceReference | None = None
    """Where a token is that may ask for those; without it we sign one with our published key, which the API server then trusts."""
    login_audience: str = ""
    """The ``aud`` of what we sign; default is ``api_url``."""
    subject: str = "exeat"
    """The ``sub`` of what we sign."""
    ttl: Duration = LEAST
    """How long a token lives; ten minutes at least."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("api_url", "service_account", "audience") if not getattr(self, name)]
        if missing:
            raise ValueError(f"kubernetes needs {', '.join(missing)}")
        if self.ttl < LEAST:
            raise ValueError("the API server gives no token for less than ten minutes: set ttl to 10m or more")
        return self

    def details(self) -> ServiceAccountTokens:
        """The address without a slash at its end."""
        bound, url = self.bound_to, self.api_url.rstrip("/")
        return ServiceAccountTokens(
            api_url=url,
            namespace=self.namespace,
            account=self.service_account,
            accounts=dict(self.service_accounts),
            bound_to=None if bound is None else BoundObject(bound.kind, bound.name, bound.uid),
            token=self.token or "",
            login_audience=self.login_audience or url,
            subject=self.subject,
        )
