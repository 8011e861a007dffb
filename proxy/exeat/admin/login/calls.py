"""``/login``, ``/callback``, ``/logout``: a person's account becomes a session of this API.

Must not know: how tokens are checked, what a role may do.
"""

from __future__ import annotations

import html
import logging
from typing import ClassVar, final

from aiohttp import web

from exeat.admin.answers import Done, LoggedIn
from exeat.admin.bodies import FetchBody, ReasonBody
from exeat.admin.call import Call, Caller, write
from exeat.admin.login.claims import groups_of, name_of, role_of
from exeat.admin.login.cookies import Cookies
from exeat.admin.login.provider import Provider
from exeat.admin.login.sessions import LOGIN_SECONDS, SESSION, Pending, Sessions
from exeat.admin.parameters import Text
from exeat.admin.roles import Permission, Role
from exeat.admin.route import Answer, Route, get, post
from exeat.errors import AdminError, RefusalError
from exeat.model.secret import Secret

_log = logging.getLogger(__name__)
_PAGE = (
    '<!doctype html><meta charset="utf-8"><title>Exeat</title>'
    '<meta http-equiv="refresh" content="0;url={url}"><p><a href="{url}">Go on</a></p>'
)
_CODE_PAGE = (
    '<!doctype html><meta charset="utf-8"><title>Exeat</title><h1>{code}</h1>'
    "<p>Type this into the terminal in which you ran <code>exeat login</code>."
    "<p>If you ran no such command, somebody else wants to act as you: close this page and tell your security team."
)
_TERMINAL = Text("terminal", "The challenge of a command line that waits for the session.", "[A-Za-z0-9_-]{43}")
_ANSWER = tuple(
    Text(name, "As the provider sends it.") for name in ("code", "state", "iss", "error")
)  # fmt: skip


class LoginRefusedError(AdminError):
    """The provider didn't vouch for anybody, or nobody it knows has a role here."""

    code: ClassVar[str] = "login_refused"
    status: ClassVar[int] = 403


@final
class LoginCalls:
    """Handlers of the login; ``url`` is where people reach us."""

    def __init__(self, provider: Provider, sessions: Sessions, url: str) -> None:
        self._provider = provider
        self._sessions = sessions
        self._cookies = Cookies(url)
        self._redirect = f"{url}/callback"

    def routes(self) -> list[Route]:
        """Return the routes of the login."""
        page = "text/html"
        return [
            get("/login", self.login, None, "Go to the login provider", media=page, status=302, query=(_TERMINAL,)),
            post(
                "/v1/login", self.fetch, None, "Fetch the session that a person logged in for in a browser", LoggedIn,
                body=FetchBody, asks=True, problems=(LoginRefusedError,),
            ),
            get(
                "/callback", self.callback, None, "Come back from it", media=page, query=_ANSWER, others=True,
                problems=(LoginRefusedError,),
            ),
            post("/logout", self.logout, Permission.SCRAPE, "End the session", Done, body=ReasonBody, asks=True),
        ]  # fmt: skip

    async def login(self, call: Call) -> Answer:
        """Send a person to the provider."""
        pending, word = self._sessions.begin(call.text("terminal") or "")
        url = await self._provider.login_url(
            redirect=self._redirect, state=pending.state, nonce=pending.nonce, challenge=pending.challenge
        )
        response = web.Response(status=302, headers={"Location": url}, content_type="text/html")
        self._cookies.begin(response, word, LOGIN_SECONDS)
        return response

    async def callback(self, call: Call) -> Answer:
        """Take what the provider sent a person back with, and open a session."""
        pending = self._sessions.take(call.text("state") or "", self._cookies.login(call.request))
        if pending is None:
            raise LoginRefusedError("this login didn't begin here, or took too long", "Begin again at /login.")
        try:
            caller = await self._caller(call, pending)
        except (LoginRefusedError, RefusalError) as error:
            detail = error.detail if isinstance(error, RefusalError) else str(error)
            call.record("login_refused", code="login_refused", detail=detail)
            _log.warning("a login was refused: %s", detail)
            if isinstance(error, LoginRefusedError):
                raise
            raise LoginRefusedError("the login provider's answer proves no login", "The log has the cause.") from None
        if pending.terminal:
            code = self._sessions.show(caller, pending.terminal).reveal()
            return web.Response(text=_CODE_PAGE.format(code=code), content_type="text/html")
        write(call.audit, {"event": "login", "by": caller.name, "role": caller.role})
        seconds = self._provider.account.session
        # Not a redirect: a browser sends no SameSite=Strict cookie on a way that began at another site.
        response = web.Response(text=_PAGE.format(url=html.escape("/")), content_type="text/html")
        self._cookies.open(response, self._sessions.open(caller, seconds), seconds)
        return response

    async def _caller(self, call: Call, pending: Pending) -> Caller:
        account = self._provider.account
        said = call.text("iss")
        if said != account.issuer and (said is not None or await self._provider.names_itself()):  # RFC 9207 §2.4
            raise LoginRefusedError("the answer is another provider's")
        code = call.text("code")
        if not code or call.text("error") is not None:
            raise LoginRefusedError("the login provider let nobody in", "Begin again at /login.")
        claims = await self._provider.claims(
            code=code, redirect=self._redirect, verifier=pending.verifier, nonce=pending.nonce
        )
        role = role_of(groups_of(claims, account.claim) or (), account.roles)
        if role is None:
            raise LoginRefusedError("none of your groups has a role here", "Ask an admin: admin.oidc.roles.")
        return Caller(name_of(claims, account.name), Role(role), "person")

    async def fetch(self, call: Call, body: FetchBody) -> Answer:
        """Hand a session to the command line that began the login, for the code that the browser shows."""
        caller = self._sessions.fetch(Secret(body.verifier), body.code)
        if caller is None:
            raise LoginRefusedError("no login waits for this code", "Codes count once, for minutes: begin again.")
        write(call.audit, {"event": "login", "by": caller.name, "role": caller.role, "terminal": True})
        seconds = self._provider.account.session
        word = self._sessions.open(caller, seconds).reveal()
        return {"token": SESSION + word, "name": caller.name, "role": caller.role, "seconds": int(seconds)}

    async def logout(self, call: Call, _body: ReasonBody) -> Answer:
        """End the session that the call came with; a token is none."""
        shown = call.request.headers.get("Authorization")
        bearer = "" if shown is None else shown.partition(" ")[2]
        word = self._cookies.session(call.request) if shown is None else None
        if bearer.startswith(SESSION):
            word = bearer.removeprefix(SESSION)
        if word is not None:
            self._sessions.end(word)
            call.record("logout")
        response = web.json_response({"done": word is not None})
        self._cookies.end(response)
        return response
