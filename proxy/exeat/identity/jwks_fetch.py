"""Where key documents come from: a URL or a file; bounded in time and size, TLS verified, no redirects, JSON only.

Must not know: keys, when to fetch.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Protocol, final

import aiohttp

_LONGEST = 5.0
"""Seconds for a whole answer."""
_CONNECT = 3.0
LARGEST = 256 * 1024
"""Bytes; large providers publish some 20 KiB."""
_TYPES = frozenset({"application/json", "application/jwk-set+json"})
_HEADERS = {
    "User-Agent": "exeat",
    "Accept": "application/jwk-set+json, application/json",
    "Accept-Encoding": "identity",
}


class FetchError(Exception):
    """There is no document; the message is fixed text."""


class Source(Protocol):
    """One place of a key document."""

    async def load(self) -> bytes:
        """Return the document as it is now; raise FetchError."""
        ...


@final
class UrlSource:
    """Keys at a URL; see :class:`Fetcher`."""

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self._url = url
        self._fetcher = fetcher

    async def load(self) -> bytes:
        """As the protocol says."""
        return await self._fetcher.get(self._url)


@final
class FileSource:
    """Keys in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def load(self) -> bytes:
        """As the protocol says."""
        return await asyncio.to_thread(self.read)

    def read(self) -> bytes:
        """The same, while nobody is served yet."""
        try:
            with self._file.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise FetchError(f"the file can't be read: {error.strerror}") from None
        if len(content) > LARGEST:
            raise FetchError(f"more than {LARGEST} bytes")
        return content


@final
class Fetcher:
    """An HTTP client for public keys; its one session is made on the loop that first needs it."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> bytes:
        """Return the body of a 200 with JSON in it; raise FetchError for everything else."""
        try:
            async with (
                asyncio.timeout(_LONGEST),
                self._open().get(url, headers=_HEADERS, allow_redirects=False) as response,
            ):
                return await _read(response)
        except TimeoutError:
            raise FetchError("no whole answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise FetchError(f"can't be reached: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=8, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT),
                trust_env=False,
                auto_decompress=False,  # nothing was offered, and a small answer may unpack to a huge one
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if response.status != 200:
        raise FetchError(f"answered {response.status}")
    if response.content_type not in _TYPES or "Content-Encoding" in response.headers:
        raise FetchError("answered something else than JSON")
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST:
            raise FetchError(f"more than {LARGEST} bytes")
    return bytes(body)
