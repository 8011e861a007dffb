"""One TCP socket of a connection: read, write, drain, and the two ways to end it.

Must not know: what the bytes mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any, final

_HIGH_WATER = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST and drops what the kernel still holds


@final
class Pipe:
    """A socket that may not be open yet."""

    __slots__ = ("_reader", "_writer", "closed", "task")

    def __init__(self, reader: asyncio.StreamReader | None, writer: asyncio.StreamWriter | None) -> None:
        self._reader = reader
        self._writer = writer
        self.closed = asyncio.Event()
        self.task: asyncio.Task[Any] | None = None

    def attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an opened socket."""
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """Return what has arrived; b"" at the end."""
        return b"" if self._reader is None else await self._reader.read(65536)

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    def write_eof(self) -> None:
        """End our direction only."""
        if self._writer is not None and not self._writer.is_closing():
            with contextlib.suppress(OSError):
                self._writer.write_eof()

    @property
    def congested(self) -> bool:
        """Whether the peer is slower than we are."""
        writer = self._writer
        return writer is not None and writer.transport.get_write_buffer_size() > _HIGH_WATER

    async def drain(self) -> None:
        """Wait until the peer has caught up: the back-pressure of the whole connection."""
        if self._writer is not None and not self._writer.is_closing():
            with contextlib.suppress(OSError):
                await self._writer.drain()

    def names(self) -> tuple[Any, Any]:
        """(peer, own) addresses."""
        if self._writer is None:
            return None, None
        return self._writer.get_extra_info("peername"), self._writer.get_extra_info("sockname")

    def close_now(self) -> None:
        """Reset; for timers."""
        self.close(reset=True)

    def close(self, *, reset: bool) -> None:
        """Close after what is buffered, or reset at once, dropping it."""
        self.closed.set()
        writer = self._writer
        if writer is None:
            return
        if not reset:
            writer.close()
            return
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
