"""Where key documents come from: a URL or a file; bounded in time and size, TLS verified, no redirects, JSON only.

Must not know: keys, when to fetch.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Protocol, final

import aiohttp

from exeat.trusted_http import TooLongError, TrustedClient, read_at_most

_LONGEST = 5.0
"""Seconds for a whole answer."""
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
    """An HTTP client for public keys."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._client = TrustedClient(tls, limit=8, force_close=True)

    async def get(self, url: str) -> bytes:
        """Return the body of a 200 with JSON in it; raise FetchError for everything else."""
        try:
            async with asyncio.timeout(_LONGEST), self._client.ask("GET", url, _HEADERS) as response:
                return await _read(response)
        except TimeoutError:
            raise FetchError("no whole answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise FetchError(f"can't be reached: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if response.status != 200:
        raise FetchError(f"answered {response.status}")
    if response.content_type not in _TYPES or "Content-Encoding" in response.headers:
        raise FetchError("answered something else than JSON")
    try:
        return await read_at_most(response, LARGEST)
    except TooLongError:
        raise FetchError(f"more than {LARGEST} bytes") from None
