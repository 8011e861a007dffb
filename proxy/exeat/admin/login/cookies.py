"""Our two cookies: of a login under way, and of a session.

Must not know: what stands behind them.
"""

from __future__ import annotations

from typing import Literal, final
from urllib.parse import urlsplit

from aiohttp import web

from exeat.model.secret import Secret

_PREFIX = "__Host-"
"""A browser takes such a cookie over TLS only, for exactly this host (RFC 6265bis §4.1.3.2)."""


@final
class Cookies:
    """``url`` is where people reach us; cookies are ``Secure`` where that is https."""

    def __init__(self, url: str) -> None:
        self._secure = urlsplit(url).scheme == "https"
        prefix = _PREFIX if self._secure else ""
        self._login, self._session = f"{prefix}exeat_login", f"{prefix}exeat_session"

    def session(self, request: web.Request) -> str | None:
        """The word of the session's cookie, if there is one."""
        return request.cookies.get(self._session)

    def login(self, request: web.Request) -> str:
        """The word of the cookie of a login under way, or an empty one."""
        return request.cookies.get(self._login, "")

    def begin(self, response: web.Response, word: Secret, seconds: float) -> None:
        """Bind a login to this browser. Lax: the provider's answer comes as a navigation from another site."""
        self._set(response, self._login, word.reveal(), seconds, "Lax")

    def open(self, response: web.Response, word: Secret, seconds: float) -> None:
        """Hand out a session; the login's cookie has done its work."""
        self._set(response, self._login, "", 0, "Lax")
        self._set(response, self._session, word.reveal(), seconds, "Strict")

    def end(self, response: web.Response) -> None:
        """Take a session's cookie away."""
        self._set(response, self._session, "", 0, "Strict")

    def _set(
        self, response: web.Response, name: str, word: str, seconds: float, same_site: Literal["Lax", "Strict"]
    ) -> None:
        response.set_cookie(
            name, word, max_age=int(seconds), path="/", secure=self._secure, httponly=True, samesite=same_site
        )
