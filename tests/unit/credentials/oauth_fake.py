"""A token endpoint that says whatever a test wants, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from exeat.credentials.oauth.grant import ACCESS_TOKEN

GOOD = {
    "access_token": "opaque-token-0123456789",
    "issued_token_type": ACCESS_TOKEN,
    "token_type": "Bearer",
    "expires_in": 60,
    "scope": "items:write",
}


def unsigned(claims: dict[str, Any] | str, header: dict[str, Any] | None = None) -> str:
    """A JWT whose signature nobody checks."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    parts = (json.dumps(header or {"alg": "ES256", "typ": "at+jwt"}), text, "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


class FakeServer:
    """``/token`` and ``/revoke``; ``says`` is the answer of the first: fields, bytes, or a web.Response."""

    def __init__(self) -> None:
        self.says: Any = GOOD
        self.headers: dict[str, str] = {}
        self.status = 200
        self.delay = 0.0
        self.revoke_status = 200
        self.forms: list[dict[str, str]] = []
        self.authorizations: list[str | None] = []
        self.cookies: list[dict[str, str]] = []
        self.revoked: list[dict[str, str]] = []
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post("/revoke", self._revoke)
        self._server = TestServer(app)

    async def start(self, **options: Any) -> None:
        await self._server.start_server(**options)

    async def close(self) -> None:
        await self._server.close()

    def url(self, path: str) -> str:
        return str(self._server.make_url(path))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.forms.append(dict(await request.post()))
        self.authorizations.append(request.headers.get("Authorization"))
        self.cookies.append(dict(request.cookies))
        await asyncio.sleep(self.delay)
        says = self.says(self.forms[-1]) if callable(self.says) else self.says
        body = says if isinstance(says, bytes) else json.dumps(says).encode()
        return web.Response(body=body, status=self.status, headers={"Content-Type": "application/json", **self.headers})

    async def _revoke(self, request: web.Request) -> web.Response:
        self.revoked.append(dict(await request.post()))
        return web.Response(status=self.revoke_status)
