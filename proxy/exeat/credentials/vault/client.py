"""One request to a Vault server: bounded in time and size, TLS verified, no redirects.

The API is https://developer.hashicorp.com/vault/api-docs; OpenBao speaks the same. Must not know: what is asked for, why.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final
from urllib.parse import quote

import aiohttp
import orjson

from exeat.credentials.oauth.pauses import Pauses
from exeat.credentials.oauth.strict_json import read_object
from exeat.errors import RefusalError
from exeat.model.issuing.vault import VaultLogin
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock
from exeat.trusted_http import TooLongError, TrustedClient, read_at_most

_LONGEST = 3.0
"""Seconds for a whole answer; a mint takes two of them and has to give back what it got when the second one fails."""
_LARGEST = 256 * 1024
"""Bytes of an answer; certificates come with their chain."""
_ALONE = frozenset({429, 472, 473, 503})
"""A server that is busy, a standby, or sealed: all of them ask to be left alone."""


@dataclass(frozen=True, slots=True)
class VaultAnswer:
    """What a server said. ``fields`` is empty unless it answered a JSON object; its errors' texts are never kept."""

    status: int
    fields: Mapping[str, Any] = field(repr=False)

    def section(self, name: str) -> Mapping[str, Any]:
        """An object in it, empty when there is none."""
        found = self.fields.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def lease_id(self) -> str:
        """What the answer can be revoked by; ``""`` for what has no lease."""
        found = self.fields.get("lease_id")
        return found if isinstance(found, str) else ""

    @property
    def lease_seconds(self) -> float:
        """How long it lives, whatever was asked; 0 when that isn't said."""
        return seconds_in(self.fields)


def seconds_in(fields: Mapping[str, Any]) -> float:
    """``lease_duration`` as a number of seconds, 0 for anything else."""
    found = fields.get("lease_duration")
    return float(found) if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**40 else 0.0


@final
class VaultClient:
    """The client side of every Vault server. Close it when the loop ends."""

    def __init__(self, tls: ssl.SSLContext, clock: Clock) -> None:
        self._client = TrustedClient(tls, limit=32, limit_per_host=16)
        self._pauses = Pauses(clock)

    async def call(
        self,
        login: VaultLogin,
        method: str,
        path: str,
        token: Secret | None = None,
        body: Mapping[str, object] | None = None,
    ) -> VaultAnswer:
        """Ask for ``/v1/<path>`` and return the answer, whatever its status.

        Raise RefusalError(TOKEN_UNAVAILABLE) when there is none, when it is a redirect, too long or not readable in exactly
        one way, and while the server is being left alone: it said so, or was unreachable or late.
        """
        left = self._pauses.left(login.server)
        if left > 0:
            raise unavailable(f"is left alone for {left:.0f} s more, as it failed or asked for it")
        url = f"{login.server.rstrip('/')}/v1/{quote(path, safe='/')}"
        headers = {
            "User-Agent": "exeat",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "X-Vault-Request": "true",  # an agent's listener may demand it, against requests that were forged
        }
        if login.namespace:
            headers["X-Vault-Namespace"] = login.namespace
        if token is not None:
            headers["X-Vault-Token"] = token.reveal()
        content = None if body is None else orjson.dumps(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(_LONGEST):
                return await self._send(login, method, url, headers, content)
        except TimeoutError:
            self._pauses.begin(login.server)
            raise unavailable("did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            self._pauses.begin(login.server)
            raise unavailable(f"can't be reached: {type(error).__name__}") from None

    async def _send(
        self, login: VaultLogin, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> VaultAnswer:
        try:
            return await self._once(login, method, url, headers, content)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # A kept connection may end just when it is used again. What the lost request made dies with its login.
            return await self._once(login, method, url, headers, content)

    async def _once(
        self, login: VaultLogin, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> VaultAnswer:
        async with self._client.ask(method, url, headers, content) as response:
            if response.status in _ALONE:
                seconds = self._pauses.begin(login.server, response.headers.get("Retry-After"))
                raise unavailable(f"answered {response.status}; left alone for {seconds:.0f} s")
            if 300 <= response.status < 400:
                raise unavailable(
                    f"answered {response.status}, a redirect; name the active node, or what is before all of them"
                )
            return await _read(response)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


async def _read(response: aiohttp.ClientResponse) -> VaultAnswer:
    try:
        raw = await read_at_most(response, _LARGEST)
    except TooLongError:
        raise unavailable(f"answered {response.status} with more than {_LARGEST} bytes") from None
    if response.status == 204 or response.status >= 400:
        return VaultAnswer(response.status, {})
    try:
        return VaultAnswer(response.status, read_object(raw))
    except ValueError as error:
        raise unavailable(f"answered {response.status} with what can't be read: {error}") from None


def unavailable(what: str) -> RefusalError:
    """How a server failed us, in fixed words."""
    return RefusalError(Reason.TOKEN_UNAVAILABLE, f"the vault {what}")


def too_wide(what: str) -> RefusalError:
    """What a server granted beyond what was asked."""
    return RefusalError(Reason.TOKEN_TOO_WIDE, f"the vault granted {what}")
