"""The short-lived JWTs by which we speak to an authorization server: about an agent, and about ourselves.

They are signed with the key whose public half is in our JWK set, and are of another ``typ`` and audience than our
access tokens, so that no origin takes one for an access token. Must not know: networks, answers.
"""

from __future__ import annotations

import secrets
from typing import final

from exeat.credentials.keys import KeyRing
from exeat.model.decision import TokenRequest
from exeat.model.issuing.oauth_server import AuthorizationServer
from exeat.model.secret import Secret
from exeat.ports import Clock

_TYP = "JWT"  # our access tokens are "at+jwt", our passes "exeat-pass+jwt"
_LIFE = 60
"""Seconds; they are used at once."""


@final
class Assertions:
    """Sign them as ``issuer_url``, at which authorization servers find our keys."""

    def __init__(self, keyring: KeyRing, issuer_url: str, clock: Clock) -> None:
        self._keyring = keyring
        self._issuer = issuer_url
        self._clock = clock

    def subject(self, request: TokenRequest, server: AuthorizationServer, scope: str) -> Secret:
        """Who the token is to be about, what was decided, and that we may act for it (RFC 8693 §4.4)."""
        return self._sign(
            self._issuer,
            request.agent,
            server.server,
            scope=scope,
            mission=request.mission,
            may_act={"sub": server.client_id},
            authorization_details=[{"type": "exeat", "action": request.action, "resource": request.resource}],
        )

    def actor(self, server: AuthorizationServer) -> Secret:
        """Who acts for the agent: this installation (RFC 8693 §2.1)."""
        return self._sign(self._issuer, server.client_id, server.server)

    def about(self, agent: str, audience: str, **more: object) -> Secret:
        """Who a session somewhere else is to be for, in that place's own words."""
        return self._sign(self._issuer, agent, audience, **more)

    def client(self, server: AuthorizationServer) -> Secret:
        """Authenticate this installation as an OAuth client (RFC 7523 §3): issuer and subject are the client id."""
        return self._sign(server.client_id, server.client_id, server.server)

    def federated(self, request: TokenRequest, audience: str, subject: str = "") -> Secret:
        """Who asks a cloud provider that trusts our keys: the agent, or the one subject that an admin registered there."""
        return self._sign(
            self._issuer, subject or request.agent, audience, agent=request.agent, mission=request.mission
        )

    def _sign(self, issuer: str, subject: str, audience: str, **more: object) -> Secret:
        issued = int(self._clock.time())
        return self._keyring.current().token(
            _TYP,
            {
                "iss": issuer,
                "sub": subject,
                "aud": audience,
                "jti": secrets.token_urlsafe(16),
                "iat": issued,
                "exp": issued + _LIFE,
                **more,
            },
        )
