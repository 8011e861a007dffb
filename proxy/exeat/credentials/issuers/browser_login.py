"""Sessions of sites that have nothing but a login form: each session of each mission logs in by itself, at its first request.

Must not know: pages, forms, caches, policies.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.login.visit import Visits
from exeat.credentials.oauth.holders import Holders
from exeat.credentials.public_ids import digest_of, public_id
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.browser_login import BrowserLogin
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Clock
from exeat.trusted_http import TrustedClient

_AGAIN = 0.75
"""Of a session's life; whoever asks after that gets another one."""


@dataclass(slots=True)
class _Session:
    """One login and how many tokens stand for it: the last one that is revoked logs out."""

    login: BrowserLogin
    cookies: Mapping[str, Secret]
    id: str
    since: float
    expires_at: float
    tokens: int = 0


@dataclass(slots=True)
class _Holder:
    """Who logs in for one of our sessions at one service: one at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    current: _Session | None = None
    waiting: int = 0


@final
class BrowserLoginIssuer:
    """Hand out session cookies as grade C tokens; implements the Issuer port. ``key`` keys the tokens' ids."""

    def __init__(self, visits: Visits, holders: Holders, key: bytes, clock: Clock) -> None:
        self._visits, self._holders, self._key, self._clock = visits, holders, key, clock
        self._logins: dict[tuple[str, str], _Holder] = {}
        self._sessions: dict[str, _Session] = {}

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """The session's cookie, whatever is done with it; a login when there is none that will last.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the login fails; RefusalError(TOKEN_TOO_WIDE) when the site gave another
        session's cookie.
        """
        login = spec.details
        if not isinstance(login, BrowserLogin):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a login")
        place = (request.session, request.service)
        holder = self._logins.setdefault(place, _Holder())
        holder.waiting += 1
        try:
            async with holder.lock:
                session = holder.current
                if session is None or session.id not in self._sessions or not self._lasts(session):
                    session = holder.current = await self._log_in(request, login, spec.ttl)
                session.tokens += 1
        finally:
            holder.waiting -= 1
            if not holder.waiting and (holder.current is None or holder.current.id not in self._sessions):
                self._logins.pop(place, None)
        value = session.cookies[login.cookie]
        others = {name: cookie for name, cookie in session.cookies.items() if name != login.cookie}
        return Token(value, session.id, Grade.C, session.expires_at, others, Secret(session.id))

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Log out with the last token of a session; False when the site has no logout, or doesn't answer."""
        session = self._sessions.get(token.id)
        if session is None:
            return False  # of another process, which is gone: nobody here can say that it is over
        session.tokens -= 1
        if session.tokens > 0:
            return bool(session.login.logout_url)
        del self._sessions[session.id]
        self._logins = {
            place: each for place, each in self._logins.items() if each.waiting or each.current is not session
        }
        return await self._visits.log_out(session.login, session.cookies)

    async def close(self) -> None:
        """Close every connection."""
        await self._visits.close()

    def _lasts(self, session: _Session) -> bool:
        now = self._clock.time()
        return session.since <= now < session.since + _AGAIN * (session.expires_at - session.since)

    async def _log_in(self, request: TokenRequest, login: BrowserLogin, ttl: float) -> _Session:
        now = self._clock.time()
        self._forget(now)
        cookies = await self._visits.log_in(login)
        digest = digest_of(self._key, "browser session", cookies[login.cookie])
        if not self._holders.take(digest, request.session, now + ttl, now):
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "the site gave a session that another one holds")
        name = public_id("ses", digest_of(self._key, "browser login", Secret(secrets.token_hex(16))))
        session = self._sessions[name] = _Session(login, cookies, name, now, now + ttl)
        return session

    def _forget(self, now: float) -> None:
        """What is over is no use to anybody; its tokens are never revoked."""
        for session in [each for each in self._sessions.values() if each.expires_at <= now]:
            del self._sessions[session.id]


def _build(parts: IssuerParts) -> BrowserLoginIssuer:
    visits = Visits(TrustedClient(parts.tls, limit=16, limit_per_host=8), parts.secrets)
    return BrowserLoginIssuer(visits, parts.holders, parts.key, parts.clock)


KIND = IssuerKind(
    "browser_login",
    _build,
    Proof.ENFORCED,
    narrows="nothing: a session may do what the account may; but each mission has its own, and the browser never holds it",
    revokes="by the site's `logout_url`; without one the session is dropped here and ends when the site says",
    limits=(
        "a form sent by POST to the host of its page; no second factor, no scripts, no login at another host",
        "each worker logs in for itself, so a mission has as many sessions at the site as workers that served it",
        "a cookie that the site exchanges for another one during the session is not followed: set `ttl` below that",
    ),
    servers=("a shop of our own with a login form, with Chromium as the client",),
)
