"""An HTTP client for servers that the configuration trusts: authorization servers, issuers of agents' tokens.

TLS verified, no redirects, no cookies, nothing decompressed, no proxies of the environment. Must not know: what is asked, what
an answer means, how long it may take.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, final

import aiohttp

_CONNECT = 3.0
"""Seconds for TCP and TLS."""


class TooLongError(Exception):
    """An answer is longer than what is read of one."""


@final
class TrustedClient:
    """One session, made on the loop that first needs it. ``connector`` are further settings of aiohttp's connector."""

    def __init__(self, tls: ssl.SSLContext, **connector: Any) -> None:
        self._tls = tls
        self._connector = connector
        self._session: aiohttp.ClientSession | None = None

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Any:
        """Send one request; the answer is what ``async with`` gives."""
        return self._open().request(method, url, headers=headers, data=body, allow_redirects=False)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, **self._connector),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT),
                trust_env=False,
                auto_decompress=False,  # nothing was offered, and a small answer may unpack to a huge one
            )
        return self._session


async def read_at_most(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return a whole body; raise TooLongError as soon as more than ``most`` bytes have come."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > most:
            raise TooLongError
    return bytes(body)
