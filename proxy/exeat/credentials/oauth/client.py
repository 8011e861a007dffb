"""Who we are to an authorization server: each call carries the proof of it that the server wants.

Must not know: what is asked for, what an answer grants.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import final
from urllib.parse import quote_plus

from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Answer, Endpoints
from exeat.errors import RefusalError
from exeat.model.issuing.oauth_server import AuthorizationServer
from exeat.model.secret import Secret

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_REVOKE_WIDE = 1.0
"""Seconds that a refusal may take longer so that a token too wide doesn't live on."""


@final
class Client:
    """Calls of the client that we are; ``secrets`` returns the client secret behind a reference."""

    def __init__(self, assertions: Assertions, endpoints: Endpoints, secrets: Callable[[str], Secret]) -> None:
        self._assertions = assertions
        self._endpoints = endpoints
        self._secrets = secrets

    async def post(
        self, server: AuthorizationServer, url: str, form: Mapping[str, str], *, patience: float | None = None
    ) -> Answer:
        """Send a form with our secret (RFC 6749 §2.3.1), a signed assertion (RFC 7523 §2.2) or our name alone.

        ``patience`` and what is raised are as :meth:`Endpoints.post` says.
        """
        if server.client_auth == "basic":
            pair = f"{quote_plus(server.client_id)}:{quote_plus(self._secrets(server.client_secret).reveal())}"
            basic = base64.b64encode(pair.encode("ascii")).decode("ascii")
            return await self._endpoints.post(url, form, {"Authorization": f"Basic {basic}"}, patience=patience)
        proof = {"client_id": server.client_id} if server.client_id else {}
        if server.client_auth == "post":
            proof["client_secret"] = self._secrets(server.client_secret).reveal()
        elif server.client_auth == "signed":
            proof["client_assertion_type"] = _ASSERTION_TYPE
            proof["client_assertion"] = self._assertions.client(server).reveal()
        return await self._endpoints.post(url, {**form, **proof}, {}, patience=patience)

    async def revoke(self, server: AuthorizationServer, value: Secret) -> bool:
        """Revoke an access token (RFC 7009 §2.1); False without a ``revoke_url``, or when the server doesn't say that it did.

        Raise RefusalError(TOKEN_UNAVAILABLE) when it can't be reached.
        """
        if not server.revoke_url:
            return False
        form = {"token": value.reveal(), "token_type_hint": "access_token"}
        return (await self.post(server, server.revoke_url, form)).status == 200

    async def withdraw(self, server: AuthorizationServer, value: Secret) -> None:
        """Revoke what is refused anyway; best effort, for it is dropped whatever comes of it."""
        with suppress(RefusalError, TimeoutError):
            async with asyncio.timeout(_REVOKE_WIDE):
                await self.revoke(server, value)
