"""A site that has nothing but a login form: a hidden token, a password, a session cookie and one beside it, a logout.

Served by aiohttp in a thread of its own. It notes every request, every login and which sessions live.
"""

from __future__ import annotations

import secrets
import ssl
from typing import Any

from aiohttp import web

from rig.web_site import WebSite

USER, PASSWORD = "service-account", "desk password canary 8f1c+&="
_LOGIN = (
    "<!doctype html><title>Sign in</title><form action=/search><input name=q></form>"
    '<form method=post action="{action}"><input type=hidden name=csrf value="{csrf}"><input name=user>'
    "<input type=password name=password><button>Go</button></form>"
)


class Desk(WebSite):
    """``port`` is its TLS port; ``visits`` are (path, mission, sid, beside), ``alive`` the session ids that work."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context)
        self.visits: list[tuple[str, str, str, str]] = []
        self.alive: set[str] = set()
        self.logins = 0
        self.action, self.fixed = "/session", ""
        self._csrf: set[str] = set()

    def application(self) -> web.Application:
        """Its pages."""
        app = web.Application(middlewares=[self._note])
        app.add_routes(
            [web.get("/login", self._login), web.post("/session", self._session), web.post("/logout", self._logout)]
        )
        app.add_routes([web.get("/", self._page), web.post("/tickets", self._page)])
        return app

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        crumbs = request.cookies
        self.visits.append(
            (request.path, request.headers.get("exeat-mission", ""), crumbs.get("sid", ""), crumbs.get("beside", ""))
        )
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _login(self, _: web.Request) -> web.Response:
        csrf = secrets.token_hex(8)
        self._csrf.add(csrf)
        answer = web.Response(text=_LOGIN.format(action=self.action, csrf=csrf), content_type="text/html")
        answer.set_cookie("pre", csrf, secure=True)
        return answer

    async def _session(self, request: web.Request) -> web.Response:
        form = await request.post()
        csrf = str(form.get("csrf", ""))
        if csrf not in self._csrf or request.cookies.get("pre") != csrf:
            return web.Response(status=400, text="no such form")
        if (form["user"], form["password"]) != (USER, PASSWORD):
            return web.Response(text=_LOGIN.format(action=self.action, csrf=csrf), content_type="text/html")
        self.logins += 1
        sid = self.fixed or secrets.token_hex(16)
        self.alive.add(sid)
        answer = web.Response(status=303, headers={"location": "/"})
        answer.set_cookie("sid", sid, httponly=True, secure=True)
        answer.set_cookie("beside", f"b-{sid}", secure=True)
        return answer

    async def _page(self, request: web.Request) -> web.Response:
        sid = request.cookies.get("sid", "")
        if sid not in self.alive or request.cookies.get("beside") != f"b-{sid}":
            return web.Response(status=303, headers={"location": "/login"})
        answer = web.Response(text=f"<!doctype html><title>Desk</title><p>session {sid}", content_type="text/html")
        answer.set_cookie("sid", sid, httponly=True, secure=True)
        answer.set_cookie("theme", "dark-mode-1234567", secure=True)
        return answer

    async def _logout(self, request: web.Request) -> web.Response:
        self.alive.discard(request.cookies.get("sid", ""))
        return web.Response(text="bye")
