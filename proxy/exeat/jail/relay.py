"""The one way out of a jail: connections accepted from its socket, each passed on to the proxy and nowhere else.

Bytes are not looked at. Ends as they come: a half-close stays one, a reset becomes a reset. Must not know: HTTP.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import threading
from typing import Any, Final, cast

_CONNECT = 10.0
"""Seconds for reaching the proxy."""
_MOST: Final = 2000
"""Open ends of one jail's connections, two each; the proxy has limits of its own."""


def _reset(transport: asyncio.Transport) -> None:
    """End a connection so that the other side sees it was cut, not finished (RFC 9293 §3.10.4)."""
    held = transport.get_extra_info("socket")
    if held is not None and not transport.is_closing():
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Side(asyncio.Protocol):
    """One end of a connection; what it reads is written to ``other``."""

    def __init__(self, sides: set[asyncio.Transport], other: asyncio.Transport | None = None) -> None:
        self.other = other
        self.own: asyncio.Transport | None = None
        self._sides = sides

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.own = cast("asyncio.Transport", transport)
        self._sides.add(self.own)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def eof_received(self) -> bool:
        if self.other is not None and not self.other.is_closing():
            self.other.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.own is not None:
            self._sides.discard(self.own)
        if self.other is not None:
            _reset(self.other) if error is not None else self.other.close()


class _Inner(_Side):
    """The jail's end: reads nothing until the proxy is there."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay.sides)
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        inner = cast("asyncio.Transport", transport)
        if len(self._relay.sides) > _MOST:
            _reset(inner)
            return
        inner.pause_reading()
        self._relay.connect(self, inner)


class Relay:
    """Serves one jail from a thread of its own until ``stop``."""

    def __init__(self, listener: socket.socket, host: str, port: int) -> None:
        self.sides: set[asyncio.Transport] = set()
        self._listener, self._target = listener, (host, port)
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="jail relay", daemon=True)

    def start(self) -> None:
        """Begin to accept. Signals stay with the main thread, which waits for the command."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def stop(self) -> None:
        """Accept no more and cut what is open."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
        self._loop.close()
        self._listener.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._listener.setblocking(False)
        server = await self._loop.create_server(lambda: _Inner(self), sock=self._listener)
        await self._stopped.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self.sides:
            for transport in tuple(self.sides):
                _reset(transport)
            await asyncio.sleep(0)  # a turn, in which they close

    def connect(self, inner: _Side, transport: asyncio.Transport) -> None:
        """Reach the proxy for one connection of the jail; when it can't be reached the connection is reset."""
        task: asyncio.Task[None] = self._loop.create_task(self._pair(inner, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pair(self, inner: _Side, transport: asyncio.Transport) -> None:
        outer = _Side(self.sides, transport)
        made: Any
        try:
            async with asyncio.timeout(_CONNECT):
                made, _ = await self._loop.create_connection(lambda: outer, *self._target)
        except OSError:  # TimeoutError is one
            _reset(transport)
            return
        inner.other = made
        if transport.is_closing():
            _reset(made)
        else:
            transport.resume_reading()
