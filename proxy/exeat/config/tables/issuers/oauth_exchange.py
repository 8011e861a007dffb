"""``kind = "oauth_exchange"``: tokens of an authorization server, for our word about the agent.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Scope, ServerUrl, SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.oauth_exchange import TokenExchange


class OAuthExchangeTable(IssuerTable):
    """Token exchange (RFC 8693): ``audience`` is the one to ask for."""

    grade: ClassVar[Grade] = Grade.A

    kind: Literal["oauth_exchange"]
    token_url: ServerUrl = ""
    """The token endpoint of the authorization server; https, or http on this machine."""
    server: str = ""
    """The server's issuer identifier, which our assertions name; default is ``token_url``."""
    client_id: str = ""
    """What the server calls this installation."""
    client_secret: SourceReference | None = None
    """Where its secret is; without one we sign with our published key (``private_key_jwt``)."""
    resource: str = ""
    """The ``resource`` to ask for (RFC 8707), beside or instead of ``audience``."""
    scopes: dict[str, Scope] = {}
    """An operation's scope in the server's words: ``{ "refunds/create" = "items:write" }``."""
    subject_type: Literal["jwt", "id_token", "access_token"] = "jwt"
    """What the server wants our word about the agent to be called."""
    actor: bool = False
    """Send a token about this installation too, for the ``act`` claim."""
    revoke_url: ServerUrl = ""
    """Where tokens are revoked when their mission ends (RFC 7009)."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("token_url", "client_id") if not getattr(self, name)]
        if not (self.audience or self.resource):
            missing.append("audience or resource")
        if missing:
            raise ValueError(f"oauth_exchange needs {', '.join(missing)}")
        return self

    def details(self) -> TokenExchange:
        """The server's name in our assertions is its token endpoint unless told otherwise."""
        return TokenExchange(
            token_url=self.token_url,
            server=self.server or self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret or "",
            resource=self.resource,
            subject_type=self.subject_type,
            actor=self.actor,
            scopes=dict(self.scopes),
            revoke_url=self.revoke_url,
        )
