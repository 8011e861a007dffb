"""One TCP socket of a connection, as an asyncio protocol: bytes go from the loop straight into the layers.

No task and no buffer of ours stands between, so an idle connection costs little and a busy one no task switch. Must not
know: what the bytes mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Protocol, final

_HIGH_WATER = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST and drops what the kernel still holds


class PipeOwner(Protocol):
    """Who is told what happens on a socket."""

    def received(self, pipe: Pipe, data: bytes) -> None:
        """Bytes have arrived."""
        ...

    def ended(self, pipe: Pipe) -> None:
        """The peer will send no more."""
        ...

    def lost(self, pipe: Pipe) -> None:
        """The socket is gone."""
        ...

    def stalled(self, pipe: Pipe) -> None:
        """The peer is slower than we are."""
        ...

    def relieved(self, pipe: Pipe) -> None:
        """It has caught up."""
        ...


@final
class Pipe(asyncio.Protocol):
    """A socket that may not be open yet; ``task`` is what opens it."""

    def __init__(self) -> None:
        self.owner: PipeOwner | None = None
        self.task: asyncio.Task[Any] | None = None
        self.count: Callable[[int], None] | None = None
        """Told 1 when a dialled socket is open and -1 when it is gone."""
        self._transport: asyncio.Transport | None = None
        self._closed = False

    def adopt(self, transport: asyncio.Transport, owner: PipeOwner) -> None:
        """Take over an open socket; ``owner`` hears of everything from now on."""
        self._transport = transport
        self.owner = owner
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        transport.set_protocol(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A dialled socket is open; nothing is read from it before :meth:`adopt` and :meth:`resume`."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            transport.pause_reading()
            if self.count is not None:
                self.count(1)

    def data_received(self, data: bytes) -> None:
        """Asyncio's call: pass it on."""
        if self.owner is not None and not self._closed:
            self.owner.received(self, data)

    def eof_received(self) -> bool:
        """Asyncio's call: keep our direction open (TCP half-close); TLS with a listener has no such thing."""
        if self.owner is not None and not self._closed:
            self.owner.ended(self)
        return self._transport is not None and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 how it was lost changes nothing
        """Asyncio's call."""
        if self.count is not None:
            self.count(-1)
        if self.owner is not None:
            self.owner.lost(self)

    def pause_writing(self) -> None:
        """Asyncio's call."""
        if self.owner is not None:
            self.owner.stalled(self)

    def resume_writing(self) -> None:
        """Asyncio's call."""
        if self.owner is not None:
            self.owner.relieved(self)

    def pause(self) -> None:
        """Read no more for now."""
        if self._transport is not None and not self._closed:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._closed:
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        if self._transport is not None and not self._closed:
            self._transport.write(data)

    def write_eof(self) -> None:
        """End our direction only."""
        if self._transport is None or self._closed:
            return
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        with contextlib.suppress(OSError):
            self._transport.write_eof()

    def names(self) -> tuple[Any, Any]:
        """(peer, own) addresses."""
        if self._transport is None:
            return None, None
        return self._transport.get_extra_info("peername"), self._transport.get_extra_info("sockname")

    def close_now(self) -> None:
        """Reset; for timers."""
        self.close(reset=True)

    def close(self, *, reset: bool) -> None:
        """Close after what is buffered, or reset at once, dropping it."""
        transport = self._transport
        if transport is None or (self._closed and not reset):
            self._closed = True
            return
        self._closed = True
        if not reset:
            transport.close()
            return
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
