"""``kind = "github_app"``: installation tokens of a GitHub App, for one repository and the permissions of one operation.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Duration, Scope, ServerUrl, SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.github_app import GITHUB_LIFE, GitHubApp

Permissions = Annotated[Scope, Field(pattern=r"^[a-z_]+:(read|write|admin)( [a-z_]+:(read|write|admin))*$")]


class GitHubAppTable(IssuerTable):
    """A GitHub App of yours, installed where agents work: its private key stays here, each token opens one repository."""

    grade: ClassVar[Grade] = Grade.A

    kind: Literal["github_app"]
    client_id: str = ""
    """The app's client id (or its app id), which signs as ``iss``."""
    private_key: SourceReference | None = None
    """Where the app's private key is, in PEM as GitHub lets you download it."""
    installation: Annotated[int, Field(ge=0)] = 0
    """The installation's id; without it, looked up by the owner of what is acted on."""
    api_url: ServerUrl = "https://api.github.com"
    """Where the API is; ``https://HOST/api/v3`` for GitHub Enterprise Server."""
    permissions: dict[str, Permissions] = {}
    """An operation's permissions, instead of what the service's ``scopes`` say: ``{ "graphql/query" = "contents:read" }``."""
    whole_installation: bool = False
    """Also allow tokens for all repositories of an installation, where an operation acts on no single one."""
    ttl: Duration = GITHUB_LIFE
    """GitHub's tokens live an hour, no shorter; they are revoked when their mission ends."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("client_id", "private_key") if not getattr(self, name)]
        if missing:
            raise ValueError(f"github_app needs {', '.join(missing)}")
        if self.ttl != GITHUB_LIFE:
            raise ValueError("GitHub's tokens live an hour: leave ttl out")
        return self

    def details(self) -> GitHubApp:
        """The address without a slash at its end."""
        return GitHubApp(
            client_id=self.client_id,
            private_key=self.private_key or "",
            api_url=self.api_url.rstrip("/"),
            installation=self.installation,
            permissions=dict(self.permissions),
            whole_installation=self.whole_installation,
        )
