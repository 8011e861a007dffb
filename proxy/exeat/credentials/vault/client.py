"""One request to a Vault server: bounded in time and size, TLS verified, no redirects.

The API is https://developer.hashicorp.com/vault/api-docs; OpenBao speaks the same. Must not know: what is asked for, why.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final
from urllib.parse import quote

import orjson

from exeat.credentials.oauth.strict_json import read_object
from exeat.credentials.patient_http import PatientClient
from exeat.errors import RefusalError
from exeat.model.issuing.vault import VaultLogin
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock

_CALLED = "the vault"
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
        self._client = PatientClient(tls, clock, _CALLED, _ALONE)

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
        url = f"{login.server.rstrip('/')}/v1/{quote(path, safe='/')}"
        headers = {"X-Vault-Request": "true"}  # an agent's listener may demand it, against requests that were forged
        if login.namespace:
            headers["X-Vault-Namespace"] = login.namespace
        if token is not None:
            headers["X-Vault-Token"] = token.reveal()
        content = None if body is None else orjson.dumps(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        # What a request made whose connection ended dies with its login: it may be sent again.
        status, raw = await self._client.send(
            method, url, headers, content, longest=_LONGEST, largest=_LARGEST, server=login.server
        )
        if 300 <= status < 400:
            raise unavailable(f"answered {status}, a redirect; name the active node, or what is before all of them")
        if status == 204 or status >= 400:
            return VaultAnswer(status, {})
        try:
            return VaultAnswer(status, read_object(raw))
        except ValueError as error:
            raise unavailable(f"answered {status} with what can't be read: {error}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


def unavailable(what: str) -> RefusalError:
    """How a server failed us, in fixed words."""
    return RefusalError(Reason.TOKEN_UNAVAILABLE, f"{_CALLED} {what}")


def too_wide(what: str) -> RefusalError:
    """What a server granted beyond what was asked."""
    return RefusalError(Reason.TOKEN_TOO_WIDE, f"{_CALLED} granted {what}")
