"""What becomes of an accepted socket: a handshake where its listener speaks TLS, then a host; nothing when there are too many.

Must not know: requests, who an agent is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, final

from exeat.enforcement.ways.entry import Entry
from exeat.enforcement.ways.peer import peer_address
from exeat.errors import RefusalError

logger = logging.getLogger("exeat.door")


class Guest(Protocol):
    """A connection that is served."""

    def start(self, early: bytes = b"") -> None:
        """Begin; ``early`` is what came before somebody listened."""
        ...


class Room(Protocol):
    """Who is there; ``registry.Registry`` is one."""

    def add(self, connection: Door, peer: str) -> None:
        """Count one that is in the doorway, by the address it comes from."""
        ...

    def remove(self, mission: str | None, connection: Door) -> None:
        """Count it no longer."""
        ...


@final
class Door(asyncio.Protocol):
    """One accepted socket on its way in. ``welcome`` makes the host; ``seconds`` bound the handshake."""

    def __init__(
        self,
        entry: Entry,
        room: Room,
        *,
        admits: Callable[[str], bool],
        welcome: Callable[[asyncio.Transport, Entry], Guest],
        seconds: float,
    ) -> None:
        self._entry, self._room = entry, room
        self._admits, self._welcome, self._seconds = admits, welcome, seconds
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's call."""
        if not isinstance(transport, asyncio.Transport):
            transport.close()
        elif not self._admits(peer := peer_address(transport)):
            transport.abort()
        elif self._entry.tls is None:
            self._enter(transport)
        else:
            transport.pause_reading()  # not a byte is read before the handshake takes over
            self._transport = transport
            self._room.add(self, peer)
            self._task = asyncio.get_running_loop().create_task(self._handshake(transport))

    async def _handshake(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        context = self._entry.tls
        try:
            if context is None:
                raise RuntimeError("a handshake without TLS")
            early = _Early()  # an agent may ask in the same packet that ends its handshake
            secured = await loop.start_tls(
                transport, early, context, server_side=True, ssl_handshake_timeout=self._seconds,
                ssl_shutdown_timeout=self._seconds,
            )  # fmt: skip
            if secured is None:
                transport.abort()
                return
            self._enter(secured, bytes(early.data))
        except (OSError, asyncio.CancelledError) as fault:  # ssl.SSLError and time-outs are OSErrors
            logger.info("no TLS with an agent: %s", type(fault).__name__)
            transport.abort()
        finally:
            self._room.remove(None, self)

    def _enter(self, transport: asyncio.Transport, early: bytes = b"") -> None:
        try:
            self._welcome(transport, self._entry).start(early)
        except RefusalError as refusal:  # its certificate identifies nobody
            logger.info("a connection was not let in: %s", refusal)
            transport.abort()
        except BaseException:
            logger.exception("a connection was not let in")
            transport.abort()

    def cut(self) -> None:
        """Reset it in the doorway."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    def busy(self) -> bool:
        """A handshake is no request."""
        return False

    def leave(self, gone: Callable[[str, int], bool]) -> bool:  # noqa: ARG002 it leads nowhere yet
        """In the doorway nobody goes anywhere yet."""
        return False


@final
class _Early(asyncio.Protocol):
    """Keeps what arrives between the end of a handshake and the host's beginning."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data
