"""``kind = "entra"``: application tokens of Entra ID, for our keys instead of a secret.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Duration, ServerUrl
from exeat.model.issuing import Grade
from exeat.model.issuing.entra import EntraApplication

_SHORTEST = 600.0
"""Seconds; no token lifetime policy goes below."""


class EntraTable(IssuerTable):
    """Client credentials with a federated credential that trusts our JWK set: ``audience`` is whom a token is for."""

    grade: ClassVar[Grade] = Grade.B

    kind: Literal["entra"]
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")] = ""
    """The directory: its id or a domain of it."""
    authority: ServerUrl = "https://login.microsoftonline.com"
    """The cloud's login endpoint."""
    client_id: str = ""
    """The application's id."""
    scope: Annotated[str, Field(pattern=r"^[!-~]+/\.default$")] = "https://graph.microsoft.com/.default"
    """The resource, with ``/.default``: what a token may there are the roles that admins gave the application."""
    subject: str = ""
    """The subject of the federated credential; without it each agent's SPIFFE ID, for one credential an agent."""
    roles: tuple[str, ...] | None = None
    """The application roles that a token may hold; one that holds others is refused."""
    ttl: Duration = 5400.0
    """The longest life that is accepted; Entra ID's own choice is 60 to 90 minutes."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := [name for name in ("tenant", "client_id") if not getattr(self, name)]:
            raise ValueError(f"entra needs {', '.join(missing)}")
        if self.ttl < _SHORTEST:
            raise ValueError(f"tokens of Entra ID live {_SHORTEST:g} s at least: set ttl to that or more")
        return self

    def default_audience(self, hosts: tuple[str, ...]) -> str:  # noqa: ARG002 it follows from the scope
        """The resource whose default scope is asked for."""
        return self.scope.removesuffix("/.default")

    def details(self) -> EntraApplication:
        """The endpoint of the tenant."""
        url = f"{self.authority.rstrip('/')}/{self.tenant}/oauth2/v2.0/token"
        return EntraApplication(
            token_url=url,
            server=url,
            client_id=self.client_id,
            client_auth="none",
            scope=self.scope,
            subject=self.subject,
            roles=None if self.roles is None else frozenset(self.roles),
        )
