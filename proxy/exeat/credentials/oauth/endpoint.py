"""One request to a server that issues tokens: bounded in time and size, TLS verified, no redirects.

Must not know: what is asked, what an answer grants.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final
from urllib.parse import urlencode

import aiohttp

from exeat.credentials.oauth.pauses import Pauses
from exeat.credentials.oauth.strict_json import read_object
from exeat.errors import RefusalError, StartError
from exeat.model.reason import Reason
from exeat.ports import Clock
from exeat.trusted_http import TooLongError, TrustedClient, read_at_most

_LONGEST = 4.5
"""Seconds for a whole answer; a little less than the broker gives a mint, so that the record says who was late."""
_LARGEST = 64 * 1024
"""Bytes of an answer."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""An error code as it may stand in a record; RFC 6749 §5.2 allows more, and no server uses it."""
_HEADERS = {"User-Agent": "exeat", "Accept": "application/json", "Accept-Encoding": "identity"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def client_context(roots: Sequence[Path]) -> ssl.SSLContext:
    """TLS that trusts these files alone; raise StartError when one holds no certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in roots:
        try:
            context.load_verify_locations(file)
        except OSError:  # ssl.SSLError is one
            raise StartError(f"{file} holds no usable certificates", "name a PEM file of CA certificates") from None
    return context


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, whatever it was: ``fields`` is empty unless it answered a JSON object."""

    status: int
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def error(self) -> str:
        """The OAuth error code, for the record; never the description, which may quote what we sent."""
        code = self.fields.get("error")
        return code if isinstance(code, str) and _CODE.fullmatch(code) else "no error code"


@final
class Endpoints:
    """The client side of every authorization server; ``called`` is what errors name."""

    def __init__(self, tls: ssl.SSLContext, clock: Clock, called: str = "the authorization server") -> None:
        self._client = TrustedClient(tls, limit=32, limit_per_host=16)
        self._called = called
        self._pauses = Pauses(clock)

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], *, patience: float | None = None
    ) -> Answer:
        """Send a form and return the answer; raise as :meth:`ask` does."""
        body = urlencode(form).encode("ascii")
        return await self.ask("POST", url, {**_FORM, **headers}, body, patience=patience)

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        patience: float | None = None,
    ) -> Answer:
        """Send one request and return the answer. ``patience``, in seconds, is for what must be asked just once: it isn't repeated.

        Raise RefusalError(TOKEN_UNAVAILABLE) when there is none, when it is a redirect, too long or not readable in
        exactly one way, and while the server is being left alone: it said 429 or 503, or was unreachable or late.
        """
        status, answer = await self.send(method, url, headers, body, patience=patience)
        if status != 200:
            return Answer(status, _fields_or_none(answer))
        if not answer:
            return Answer(200, {})
        try:
            return Answer(200, read_object(answer))
        except ValueError as error:
            raise self._unavailable(f"answered 200 with what can't be read: {error}") from None

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        patience: float | None = None,
    ) -> tuple[int, bytes]:
        """As :meth:`ask`, but return the answer's status and body as they are, in whatever form."""
        left = self._pauses.left(url)
        if left > 0:
            raise self._unavailable(f"left alone for {left:.0f} s more, as it failed or asked for it")
        every = {**_HEADERS, **headers}
        try:
            async with asyncio.timeout(_LONGEST if patience is None else patience):
                try:
                    return await self._send(method, url, body, every)
                except aiohttp.ClientConnectorError:
                    raise
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    if patience is not None:
                        raise
                    # A kept connection may end just when it is used again: nothing was answered, so ask once more.
                    return await self._send(method, url, body, every)
        except TimeoutError:
            self._pauses.begin(url)
            raise self._unavailable("did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            self._pauses.begin(url)
            raise self._unavailable(f"can't be reached: {type(error).__name__}") from None

    async def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        async with self._client.ask(method, url, headers, body) as response:
            if response.status in {429, 503}:
                seconds = self._pauses.begin(url, response.headers.get("Retry-After"))
                raise self._unavailable(f"answered {response.status}; left alone for {seconds:.0f} s")
            self._pauses.end(url)
            try:
                return response.status, await read_at_most(response, _LARGEST)
            except TooLongError:
                raise self._unavailable(f"answered {response.status} with more than {_LARGEST} bytes") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    def _unavailable(self, what: str) -> RefusalError:
        return RefusalError(Reason.TOKEN_UNAVAILABLE, f"{self._called} {what}")


def _fields_or_none(body: bytes) -> Mapping[str, Any]:
    try:
        return read_object(body)
    except ValueError:
        return {}
