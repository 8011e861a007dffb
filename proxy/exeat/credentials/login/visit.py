"""One visit to a site's login: the page, the form, the redirects after it, and later the logout. One host, few steps, small pages.

A secret is sent to the host of ``login_url`` and to no other, whatever page or redirect says. Must not know: whose session it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import final
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

from exeat.credentials.login.page import asks_for_password, login_form
from exeat.errors import RefusalError
from exeat.model.issuing.browser_login import BrowserLogin
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.trusted_http import TooLongError, TrustedClient, read_at_most

_LARGEST = 1024 * 1024
"""Bytes of a page."""
_STEPS = 6
_LONGEST = 4.5
"""Seconds for all of it; a little less than the broker gives a mint."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@final
class Visits:
    """Logs in and out. ``secrets`` returns what is behind a reference."""

    def __init__(self, client: TrustedClient, secrets: Callable[[str], Secret]) -> None:
        self._client, self._secrets = client, secrets

    async def log_in(self, login: BrowserLogin) -> Mapping[str, Secret]:
        """Return the cookies of a new session, the session's own among them; raise RefusalError(TOKEN_UNAVAILABLE) otherwise."""
        visit = _Visit(self._client, login.login_url)
        try:
            async with asyncio.timeout(_LONGEST):
                url, _, page = await visit.go("GET", login.login_url)
                form = login_form(page, {*login.fields, *login.values})
                if form is None:
                    raise _failed("the login page has no such form, or several")
                target = urljoin(url, form.action)
                filled = form.hidden | dict(login.values)
                filled |= {name: self._secrets(reference).reveal() for name, reference in login.fields.items()}
                url, status, page = await visit.go("POST", target, urlencode(filled).encode(), referer=url)
        except TimeoutError:
            raise _failed("the login took too long") from None
        except (aiohttp.ClientError, OSError, TooLongError, ValueError) as error:
            raise _failed(f"the login failed: {type(error).__name__}") from None
        if status >= 400 or asks_for_password(page):
            raise _failed(f"the login was not accepted ({status})")
        if login.success_path and not urlsplit(url).path.startswith(login.success_path):
            raise _failed("the login led elsewhere than to success_path")
        if login.cookie not in visit.cookies:
            raise _failed("the login gave no session cookie")
        return {name: Secret(value) for name, value in visit.cookies.items() if name in (login.cookie, *login.cookies)}

    async def log_out(self, login: BrowserLogin, cookies: Mapping[str, Secret]) -> bool:
        """End a session at the site; False when it has no way, or doesn't say that it did."""
        if not login.logout_url:
            return False
        visit = _Visit(self._client, login.logout_url)
        visit.cookies = {name: value.reveal() for name, value in cookies.items()}
        try:
            async with asyncio.timeout(_LONGEST):
                body = b"" if login.logout_method == "POST" else None
                _, status, _ = await visit.go(login.logout_method, login.logout_url, body)
        except (TimeoutError, aiohttp.ClientError, OSError, TooLongError, ValueError):
            return False
        return status < 400

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


class _Visit:
    """Cookies and steps of one visit, which never leaves the host that it began at."""

    def __init__(self, client: TrustedClient, url: str) -> None:
        self._client = client
        self._origin = urlsplit(url)[:2]
        self.cookies: dict[str, str] = {}

    async def go(self, method: str, url: str, body: bytes | None = None, referer: str = "") -> tuple[str, int, str]:
        """Send one request, follow where it leads; return where that was, the last status and the last page."""
        for _ in range(_STEPS):
            if urlsplit(url)[:2] != self._origin:
                raise _failed("the login leads to another host")
            headers = {
                "User-Agent": "Mozilla/5.0 (compatible; Exeat)",
                "Accept": "text/html",
                "Accept-Encoding": "identity",
            }
            if self.cookies:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            if body is not None:
                headers |= _FORM | {"Origin": "://".join(self._origin), "Referer": referer or url}
            async with self._client.ask(method, url, headers, body) as response:
                self._take(response)
                if response.status not in (301, 302, 303, 307, 308) or "Location" not in response.headers:
                    page = (await read_at_most(response, _LARGEST)).decode("utf-8", "replace")
                    return url, response.status, page
                if response.status in (307, 308) and body:
                    raise _failed("the login would have its form sent again")
                url, method, body = urljoin(url, response.headers["Location"]), "GET", None
        raise _failed("the login leads in circles")

    def _take(self, response: aiohttp.ClientResponse) -> None:
        for name, crumb in response.cookies.items():
            if crumb["max-age"] == "0" or not crumb.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = crumb.value


def _failed(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, what)
