"""Tokens that an authorization server gives to us as its client.

Must not know: how they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exeat.model.issuing.oauth_server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class OAuthClient(AuthorizationServer):
    """Which grant is used (RFC 6749 §4.4 and §6, RFC 7523 §2.1), and for what.

    With ``scope`` every token has just that, whatever the request; without it the request's own scope is asked for.
    ``refresh_token`` is the source reference of the first one, as somebody authorized it. With ``send_audience`` the
    audience is asked for, too. ``quiet`` says that the server leaves out the scope where it is what was asked for.
    """

    grant: str = "client_credentials"
    scope: str = ""
    refresh_token: str = ""
    send_audience: bool = False
    quiet: bool = False

    def secrets(self) -> Sequence[str]:
        """Ours towards the server; the refresh token isn't one, for only the control plane ever reads it."""
        return (self.client_secret,) if self.client_secret else ()
