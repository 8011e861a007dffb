"""Who calls: this machine's own clients, each with a token of its own, and people who have logged in.

The Host header must be the listener's, or that of the URL people use (a rebound DNS name isn't). Of pages
only our own may call: Origin must be where it comes from. A session's cookie counts for it alone, and what changes something
carries a header that no form can send. Secrets are compared in constant time. Must not know: what the calls do, what a
caller may do.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import final
from urllib.parse import urlsplit

from aiohttp import web

from exeat.admin.call import ADMIN, CALLER, NOBODY, Caller
from exeat.admin.login.cookies import Cookies
from exeat.admin.login.sessions import SESSION, Sessions
from exeat.admin.problems import BrowserRefusedError, MisdirectedError
from exeat.admin.tokens import Tokens
from exeat.counting import Counts
from exeat.errors import NotAuthenticatedError, UnavailableError
from exeat.model.destination import host_port
from exeat.model.secret import Secret

_OWN_SITE = frozenset({"same-origin", "none"})
"""A page of ours, or what somebody typed (W3C Fetch Metadata)."""
_CSRF = "Exeat-Csrf"
"""A header of any value: a form can't set one, and another origin's script isn't given leave to."""


@final
class Guard:
    """Checks every call before its handler. ``refused_logins`` counts wrong or missing tokens."""

    def __init__(self, token: Secret, tokens: Tokens, url: str, sessions: Sessions) -> None:
        self._digest = hashlib.sha256(token.reveal().encode()).digest()
        self._tokens = tokens
        self._sessions = sessions
        self._cookies = Cookies(url)
        self._origin = url.lower()
        self._host = urlsplit(url).netloc.lower()
        self.refused_logins = 0

    async def check(self, request: web.Request, *, is_open: bool) -> Caller:
        """Return who calls; with ``is_open`` that may be nobody.

        Raise MisdirectedError, BrowserRefusedError or NotAuthenticatedError unless the call may go on; UnavailableError
        when the store that has the token can't be asked.
        """
        hosts = request.headers.getall("Host", [])
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if not host or host not in _own(request) | {self._host}:
            raise MisdirectedError("the Host header doesn't name this listener", "Call the address in [admin] listen.")
        shown = request.headers.getall("Authorization", [])
        word = None if shown else self._cookies.session(request)
        origin = self._origin if host == self._host else f"http://{host}"
        if request.headers.getall("Origin", [origin]) != [origin]:
            raise BrowserRefusedError("calls from other pages are refused", "Open the page of this listener itself.")
        if is_open:
            return NOBODY
        if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:  # browsers say so without Origin too
            raise BrowserRefusedError("this comes from another site's page", "Open the page itself.")
        caller = await self._by_token(shown) if word is None else self._by_session(request, word)
        if caller is None:
            self.refused_logins += 1
            raise NotAuthenticatedError(
                "no valid admin token was shown", "Send the content of admin.token_file, or log in at /login."
            )
        return caller

    def _by_session(self, request: web.Request, word: str) -> Caller | None:
        own = "Origin" in request.headers and _CSRF in request.headers
        if request.method not in ("GET", "HEAD") and not own:
            raise BrowserRefusedError(f"a change needs Origin and {_CSRF}", "Only our own pages change something.")
        return self._sessions.caller(word)

    async def still(self, request: web.Request) -> bool:
        """Whether the call would be let through now as the same caller: a long answer ends with its token or session."""
        shown = request.headers.getall("Authorization", [])
        word = None if shown else self._cookies.session(request)
        try:
            caller = await self._by_token(shown) if word is None else self._sessions.caller(word)
        except UnavailableError:
            return False
        return caller == request[CALLER]

    def read(self) -> Counts:
        """What was counted, by metric."""
        return {"exeat_admin_refused_logins_total": {(): self.refused_logins}}

    async def _by_token(self, shown: list[str]) -> Caller | None:
        if len(shown) != 1:
            return None
        scheme, _, token = shown[0].partition(" ")
        if scheme.lower() != "bearer":
            return None
        if self._is_ours(token):
            return ADMIN
        if token.startswith(SESSION):
            return self._sessions.caller(token.removeprefix(SESSION))
        return await self._tokens.caller(token)

    def _is_ours(self, token: str) -> bool:
        # Digests have one length whatever was sent, so neither length nor content shows in the time taken.
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(digest, self._digest)


def _own(request: web.Request) -> frozenset[str]:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    if not name:
        return frozenset()
    host, port = name[0], name[1]
    return frozenset({host_port(host, port), f"localhost:{port}", f"127.0.0.1:{port}"})
