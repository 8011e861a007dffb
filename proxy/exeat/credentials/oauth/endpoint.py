"""One request to a server that issues tokens: bounded in time and size, TLS verified, no redirects.

Must not know: what is asked, what an answer grants.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final
from urllib.parse import urlencode

from exeat.credentials.oauth.strict_json import read_object
from exeat.credentials.patient_http import PatientClient
from exeat.errors import RefusalError, StartError
from exeat.model.reason import Reason
from exeat.ports import Clock

_LONGEST = 4.5
"""Seconds for a whole answer; a little less than the broker gives a mint, so that the record says who was late."""
_LARGEST = 64 * 1024
"""Bytes of an answer."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""An error code as it may stand in a record; RFC 6749 §5.2 allows more, and no server uses it."""
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

    def granted(self, by: str = "the authorization server") -> Mapping[str, Any]:
        """Return the fields of a 200; raise :meth:`refusal` for anything else."""
        if self.status != 200:
            raise self.refusal(by)
        return self.fields

    def refusal(self, by: str = "the authorization server") -> RefusalError:
        """What is said of an answer that grants nothing: its error code and status."""
        return RefusalError(Reason.TOKEN_UNAVAILABLE, f"{by} refused: {self.error} ({self.status})")


@final
class Endpoints:
    """The client side of every authorization server; ``called`` is what errors name."""

    def __init__(self, tls: ssl.SSLContext, clock: Clock, called: str = "the authorization server") -> None:
        self._client = PatientClient(tls, clock, called)

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
            raise self._client.unavailable(f"answered 200 with what can't be read: {error}") from None

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
        longest = _LONGEST if patience is None else patience
        return await self._client.send(
            method, url, headers, body, longest=longest, largest=_LARGEST, again=patience is None
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


def _fields_or_none(body: bytes) -> Mapping[str, Any]:
    try:
        return read_object(body)
    except ValueError:
        return {}
