"""``kind = "oauth_exchange"``: tokens of an authorization server, for a word about the agent.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.tables.issuers.exchange_presets import PRESETS, Preset
from exeat.config.values import Scope, ServerUrl, SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.oauth_exchange import TokenExchange

_PLAIN = Preset("", names_kind=True)
_OWN_URI = ("urn:ietf:", "urn:auth0:", "urn:okta:", "https://auth0.com", "http://auth0.com", "https://okta.com")
"""Auth0 reserves these: a type there must be one's own."""


class OAuthExchangeTable(IssuerTable):
    """Token exchange (RFC 8693): ``audience`` is the one to ask for."""

    grade: ClassVar[Grade] = Grade.A

    kind: Literal["oauth_exchange"]
    preset: Literal["", "keycloak", "auth0", "entra", "okta"] = ""
    """The product, where it wants something otherwise than RFC 8693 says: Keycloak, Auth0, Entra ID (on behalf of) or Okta."""
    base: ServerUrl = ""
    """With ``preset``: below which URL its endpoints are: a realm, a tenant or a custom authorization server."""
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
    resource: str = ""
    """The ``resource`` to ask for (RFC 8707), beside or instead of ``audience``."""
    scopes: dict[str, Scope] = {}
    """An operation's scope in the server's words: ``{ "refunds/create" = "items:write" }``."""
    extra_scopes: Scope | None = None
    """What the server adds by itself and may: tokens are grade B then."""
    subject_type: Annotated[str, Field(pattern=r"^(jwt|id_token|access_token|(urn|https?):[!-~]+)$")] = "jwt"
    """What the server wants the word about the agent to be called: ``jwt``, ``id_token``, ``access_token``, or a URI of one's own."""
    subject_token: SourceReference | None = None
    """Where a token of the server's own is, for servers that take no other; without it we say who the agent is."""
    subject_issuer: str = ""
    """Keycloak's alias for this installation as an identity provider, for its older exchange of foreign tokens."""
    actor: bool = False
    """Send a token about this installation too, for the ``act`` claim."""
    revoke_url: ServerUrl = ""
    """Where tokens are revoked when their mission ends (RFC 7009)."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = ["base" if self.preset and not self.token_url else "token_url", "client_id"]
        missing = [name for name in needed if not getattr(self, name)]
        if not (self.audience or self.resource):
            missing.append("audience or resource")
        if missing:
            raise ValueError(f"oauth_exchange needs {', '.join(missing)}")
        if not self.preset and (self.base or self.subject_issuer):
            raise ValueError("base and subject_issuer go with a preset")
        if self.preset:
            self._fits(PRESETS[self.preset])
        return self

    def _fits(self, preset: Preset) -> None:
        if unused := sorted(preset.ignored & self.model_fields_set):
            raise ValueError(f"{', '.join(unused)}: {self.preset} ignores this")
        if self.subject_token is None and not (preset.foreign and preset.foreign in self.model_fields_set):
            other = f", or {preset.foreign}" if preset.foreign else ""
            raise ValueError(f"{self.preset} takes tokens of its own: set subject_token{other}")
        if self.preset == "auth0" and self.subject_token is None and self.subject_type.startswith(_OWN_URI):
            raise ValueError("subject_type must be a URI of your own: auth0 reserves this one")
        if self.ttl < preset.shortest:
            raise ValueError(f"tokens of {self.preset} live {preset.shortest:g} s at least: set ttl to that or more")

    def promised(self) -> Grade:
        """Narrowed to the request only where nothing but its own scope is accepted."""
        broad = any(word.endswith("/.default") for words in self.scopes.values() for word in words.split())
        return Grade.B if broad or self.extra_scopes is not None else Grade.A

    def details(self) -> TokenExchange:
        """The server's name in our assertions is its token endpoint unless a preset or the table says otherwise."""
        preset, base = PRESETS.get(self.preset, _PLAIN), self.base.rstrip("/")
        token_url = self.token_url or base + preset.token
        named = token_url if preset.server is None or not self.base else base + preset.server
        revoke_url = self.revoke_url or (base + preset.revoke if base and preset.revoke else "")
        own = "" if self.subject_token is None else preset.subject
        return TokenExchange(
            token_url=token_url,
            server=self.server or named,
            client_id=self.client_id,
            client_secret=self.client_secret or "",
            client_auth=self.client_auth if self.client_secret else "signed",
            resource=self.resource,
            scopes=dict(self.scopes),
            extra=frozenset((self.extra_scopes or "").split()),
            revoke_url=revoke_url,
            subject_type=self.subject_type if "subject_type" in self.model_fields_set or not own else own,
            subject_token=self.subject_token or "",
            subject_issuer=self.subject_issuer,
            actor=self.actor,
            on_behalf_of=preset.on_behalf_of,
            names_kind=preset.names_kind,
            short_names=preset.short_names,
        )
