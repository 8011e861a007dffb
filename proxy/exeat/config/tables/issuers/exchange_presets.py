"""What products of authorization servers want otherwise than RFC 8693 says, and where their endpoints are.

Read in each vendor's documentation; contract-tested against the shapes published there, for none of them runs in the tests.
Must not know: how an exchange is carried out.

* Keycloak, https://www.keycloak.org/securing-apps/token-exchange: the standard exchange takes access tokens of its own realm; tokens
  of others go through the older one, which needs ``subject_issuer``, or through a JWT grant (``oauth_client`` with
  ``grant = "jwt_bearer"``). ``resource`` and ``actor_token`` are ignored, and default client scopes are added to any answer.
* Auth0, https://auth0.com/docs/authenticate/custom-token-exchange: the subject's type is a URI of one's own, which names the Action
  that verifies it, or ``access_token`` for on-behalf-of; ``audience`` is an API's identifier. Access tokens can't be revoked.
* Entra ID, https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow: a JWT grant with
  ``requested_token_use``; the assertion is an access token of Entra's own for this client. Scopes carry the resource in front.
* Okta, https://developer.okta.com/docs/guides/set-up-token-exchange/main/: access tokens of its own custom authorization servers;
  ``audience`` is the target server's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """One product: paths below ``base``, whom our assertions name, what it ignores, and what it needs."""

    token: str
    revoke: str = ""
    server: str | None = ""
    """Below ``base``; None is the token endpoint."""
    ignored: frozenset[str] = frozenset()
    """Fields that would promise something which this product doesn't do."""
    subject: str = "access_token"
    foreign: str = ""
    """The field by which it takes our own word about the agent; without one it takes only tokens of its own."""
    on_behalf_of: bool = False
    names_kind: bool = True
    short_names: bool = False
    shortest: float = 0.0
    """Seconds: its tokens live no shorter, so a ``ttl`` below would refuse each."""


_IGNORED = frozenset({"resource", "actor"})

PRESETS: Mapping[str, Preset] = {
    "keycloak": Preset(
        token="/protocol/openid-connect/token",  # noqa: S106 a path
        revoke="/protocol/openid-connect/revoke",
        ignored=_IGNORED,
        foreign="subject_issuer",
    ),
    "auth0": Preset(
        token="/oauth/token",  # noqa: S106 a path
        server="/",
        ignored=_IGNORED,
        foreign="subject_type",
        names_kind=False,
    ),
    "entra": Preset(
        token="/oauth2/v2.0/token",  # noqa: S106 a path
        server=None,
        ignored=_IGNORED | {"subject_type"},
        on_behalf_of=True,
        names_kind=False,
        short_names=True,
        shortest=600.0,
    ),
    "okta": Preset(
        token="/v1/token",  # noqa: S106 a path
        revoke="/v1/revoke",
        server=None,
        ignored=_IGNORED | {"subject_type"},
        shortest=300.0,
    ),
}
