"""``kind = "oauth_client"``: tokens of an authorization server, given to us as its client.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import LocalReference, Scope, ServerUrl, SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.oauth_client import OAuthClient


class OAuthClientTable(IssuerTable):
    """Client credentials, our assertion as a grant, or a refresh token: ``audience`` is for whom a JWT has to be."""

    grade: ClassVar[Grade] = Grade.A

    kind: Literal["oauth_client"]
    grant: Literal["client_credentials", "jwt_bearer", "refresh_token"] = "client_credentials"
    """How it is asked for: as ourselves (RFC 6749 §4.4), by our word about the agent (RFC 7523 §2.1), or by what somebody once
    authorized (RFC 6749 §6)."""
    token_url: ServerUrl = ""
    """The token endpoint of the authorization server; https, or http on this machine."""
    server: str = ""
    """The server's issuer identifier, which our assertions name; default is ``token_url``."""
    client_id: str = ""
    """What the server calls this installation."""
    client_secret: SourceReference | None = None
    """Where its secret is; without one we sign with our published key (``private_key_jwt``)."""
    client_auth: Literal["basic", "post"] = "basic"
    """How the secret is sent: in ``Authorization``, or in the form where a server reads nothing else."""
    refresh_token: LocalReference | None = None
    """``refresh_token``: where the first one is, as the authorization gave it. Those that follow it are kept sealed in the store;
    another one here begins anew."""
    scope: Scope | None = None
    """What every token may, whatever the request (grade B); without it the scope of each request is asked for (grade A)."""
    scopes: dict[str, Scope] = {}
    """An operation's scope in the server's words: ``{ "refunds/create" = "items:write" }``."""
    extra_scopes: Scope | None = None
    """What the server adds by itself and may: tokens are grade B then."""
    quiet: bool = False
    """The server leaves the scope out of its answer where it is what was asked for (RFC 6749 §5.1 allows it). Others give a token
    of no scope at all that looks the same, so without this it is refused."""
    resource: str = ""
    """The ``resource`` to ask for (RFC 8707)."""
    send_audience: bool = False
    """Ask for ``audience`` too, as Auth0 wants it."""
    revoke_url: ServerUrl = ""
    """Where tokens are revoked when their mission ends (RFC 7009)."""
    spares_refresh: bool = False
    """Revoking an access token there leaves the refresh token alone. RFC 7009 §2.1 lets a server end both, and many do: then the end
    of one mission would be the end of all, so ``refresh_token`` goes with ``revoke_url`` only where this is set."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("token_url", "client_id") if not getattr(self, name)]
        if self.grant == "refresh_token" and self.refresh_token is None:
            missing.append("refresh_token")
        if self.send_audience and not self.audience:
            missing.append("audience")
        if missing:
            raise ValueError(f"oauth_client needs {', '.join(missing)}")
        if self.refresh_token is not None and self.grant != "refresh_token":
            raise ValueError('refresh_token is used by grant = "refresh_token" alone')
        if self.grant == "refresh_token" and self.revoke_url and not self.spares_refresh:
            raise ValueError(
                "revoke_url may end the refresh token too: leave it out, or set spares_refresh where it doesn't"
            )
        if self.scope is not None and self.scopes:
            raise ValueError("scope is what every token may, scopes what each request needs: set one of them")
        return self

    def promised(self) -> Grade:
        """Narrowed to the request only where nothing but its own scope is accepted."""
        return Grade.A if self.scope is None and self.extra_scopes is None else Grade.B

    def details(self) -> OAuthClient:
        """The server's name in our assertions is its token endpoint unless told otherwise."""
        return OAuthClient(
            token_url=self.token_url,
            server=self.server or self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret or "",
            client_auth=self.client_auth if self.client_secret else "signed",
            resource=self.resource,
            scopes=dict(self.scopes),
            extra=frozenset((self.extra_scopes or "").split()),
            revoke_url=self.revoke_url,
            grant=self.grant,
            scope=self.scope or "",
            refresh_token=self.refresh_token or "",
            send_audience=self.send_audience,
            quiet=self.quiet,
        )
