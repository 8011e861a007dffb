"""A site that has nothing but a login form: a hidden token, a password, a session cookie and one beside it, a logout.

Served by aiohttp in a thread of its own. It notes every request, every login and which sessions live.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
from typing import Any, Self

from aiohttp import web

USER, PASSWORD = "service-account", "desk password canary 8f1c+&="
_LOGIN = (
    "<!doctype html><title>Sign in</title><form action=/search><input name=q></form>"
    '<form method=post action="{action}"><input type=hidden name=csrf value="{csrf}"><input name=user>'
    "<input type=password name=password><button>Go</button></form>"
)


class Desk:
    """``port`` is its TLS port; ``visits`` are (path, mission, sid, beside), ``alive`` the session ids that work."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.visits: list[tuple[str, str, str, str]] = []
        self.alive: set[str] = set()
        self.logins = 0
        self.action, self.fixed = "/session", ""
        self.port = 0
        self._csrf: set[str] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the desk didn't start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        app = web.Application(middlewares=[self._note])
        app.add_routes(
            [web.get("/login", self._login), web.post("/session", self._session), web.post("/logout", self._logout)]
        )
        app.add_routes([web.get("/", self._page), web.post("/tickets", self._page)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

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
