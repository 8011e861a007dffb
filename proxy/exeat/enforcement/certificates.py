"""The client certificates that one agent's connections to origins carry.

A connection with a certificate serves only requests whose token is that certificate, and one without serves only those that
need none. Must not know: any engine, where a certificate comes from.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, final
from weakref import WeakKeyDictionary

from OpenSSL import SSL

from exeat.enforcement.tls import OriginSide
from exeat.model.token import Token


@dataclass(slots=True)
class _Held:
    token: Token
    context: SSL.Context | None = None


@final
class Certificates:
    """By connection, as long as it lives. Most agents' connections never need one, so nothing is made before."""

    __slots__ = ("_held", "_origin_side")

    def __init__(self, origin_side: OriginSide) -> None:
        self._origin_side = origin_side
        self._held: WeakKeyDictionary[Any, _Held] | None = None

    def give(self, connection: Any, token: Token | None) -> None:
        """Say which certificate a connection is to carry, before it is dialled."""
        if token is not None:
            if self._held is None:
                self._held = WeakKeyDictionary()
            self._held[connection] = _Held(token)

    def fits(self, connection: Any, token: Token | None) -> bool:
        """Whether a connection carries exactly this certificate, or none where none is needed."""
        held = self._of(connection)
        if held is None or token is None:
            return held is None and token is None
        return held.token.id == token.id

    async def prepare(self, connection: Any) -> None:
        """Read what TLS needs, beside the loop; raise RefusalError(TOKEN_UNAVAILABLE) when it can't be used."""
        held = self._of(connection)
        if held is not None:
            certificate = held.token.parts.get("certificate", held.token.value)  # or one PEM of both
            read = self._origin_side.with_certificate
            held.context = await asyncio.to_thread(read, certificate, held.token.value)

    def context(self, connection: Any) -> SSL.Context | None:
        """What shows it in the handshake, once; None where there is none to show."""
        held = self._of(connection)
        if held is None:
            return None
        context, held.context = held.context, None
        if context is None:
            raise PermissionError("no certificate was prepared for this connection")
        return context

    def _of(self, connection: Any) -> _Held | None:
        return None if self._held is None else self._held.get(connection)
