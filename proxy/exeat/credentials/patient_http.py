"""One call to a server that issues tokens or keeps secrets: bounded in time and size, left alone while it fails.

Must not know: what is asked, what an answer means.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from typing import final

import aiohttp

from exeat.credentials.pauses import Pauses
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.ports import Clock
from exeat.trusted_http import TooLongError, TrustedClient, read_at_most

_HEADERS = {"User-Agent": "exeat", "Accept": "application/json", "Accept-Encoding": "identity"}
_BUSY = frozenset({429, 503})


@final
class PatientClient:
    """The client side of such servers; ``called`` is what errors name, ``alone`` are the statuses that ask for a pause."""

    def __init__(self, tls: ssl.SSLContext, clock: Clock, called: str, alone: Collection[int] = _BUSY) -> None:
        self._client = TrustedClient(tls, limit=32, limit_per_host=16)
        self._pauses = Pauses(clock)
        self._called = called
        self._alone = alone

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        longest: float,
        largest: int,
        server: str = "",
        again: bool = True,
    ) -> tuple[int, bytes]:
        """Send one request; return the answer's status and body, read within ``longest`` seconds and ``largest`` bytes.

        Pauses are for ``server``, or for just this URL. ``again`` says that it may be sent once more when a kept connection ends
        under it. Raise RefusalError(TOKEN_UNAVAILABLE) when there is no such answer, and while the server is being left
        alone: it asked for that, or was unreachable or late.
        """
        place = server or url
        left = self._pauses.left(place)
        if left > 0:
            raise self.unavailable(f"is left alone for {left:.0f} s more, as it failed or asked for it")
        every = {**_HEADERS, **headers}
        try:
            async with asyncio.timeout(longest):
                try:
                    return await self._once(place, method, url, body, every, largest)
                except aiohttp.ClientConnectorError:
                    raise
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    if not again:
                        raise
                    # A kept connection may end just when it is used again: nothing was answered, so ask once more.
                    return await self._once(place, method, url, body, every, largest)
        except TimeoutError:
            self._pauses.begin(place)
            raise self.unavailable("did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            self._pauses.begin(place)
            raise self.unavailable(f"can't be reached: {type(error).__name__}") from None

    async def _once(
        self, place: str, method: str, url: str, body: bytes | None, headers: Mapping[str, str], largest: int
    ) -> tuple[int, bytes]:
        async with self._client.ask(method, url, headers, body) as response:
            if response.status in self._alone:
                seconds = self._pauses.begin(place, response.headers.get("Retry-After"))
                raise self.unavailable(f"answered {response.status}; left alone for {seconds:.0f} s")
            self._pauses.end(place)
            try:
                return response.status, await read_at_most(response, largest)
            except TooLongError:
                raise self.unavailable(f"answered {response.status} with more than {largest} bytes") from None

    def unavailable(self, what: str) -> RefusalError:
        """How a server failed us, in fixed words."""
        return RefusalError(Reason.TOKEN_UNAVAILABLE, f"{self._called} {what}")

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()
