"""An instrumented origin: real sockets, TLS, HTTP/1.1 and HTTP/2; it writes down every byte that reaches it.

It runs in a thread of its own, so a test (or an in-process host) can drive it without sharing an event loop. ``accept``
is counted before TLS: a connection that never says hello is seen too.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any, Self

from rig.behaviours import Reply, behave, unauthorised
from rig.certs import Authority
from rig.origin_h1 import serve_h1
from rig.origin_h2 import H2Server
from rig.seen import SeenConnection, SeenRequest
from rig.tokens import TokenCheck


class Link:
    """One connection: whatever arrives is recorded at once, also while an answer is being sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: SeenConnection) -> None:
        self._reader, self._writer, self.seen = reader, writer, seen
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._pump = asyncio.create_task(self._read())

    @property
    def closed(self) -> bool:
        return self.seen.closed_at is not None

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65536):
                self.seen.take(data)
                self._queue.put_nowait(data)
        except (OSError, ssl.SSLError) as error:
            self.seen.error = repr(error)
        finally:
            if self.seen.closed_at is None:
                self.seen.closed_at = time.monotonic()
            self._queue.put_nowait(b"")

    async def recv(self) -> bytes:
        """The next piece, or ``b""`` when the client has gone."""
        return await self._queue.get()

    async def send(self, data: bytes) -> None:
        """Send; raise ConnectionError once the client has gone."""
        if self.closed:
            raise ConnectionError("the client has gone")
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close without ceremony."""
        self._writer.transport.abort()

    async def end(self) -> None:
        """Close and wait until nothing runs any more."""
        self._writer.close()
        with suppress(OSError, ssl.SSLError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 1)
        self._pump.cancel()
        with suppress(asyncio.CancelledError):
            await self._pump
        if self.seen.closed_at is None:
            self.seen.closed_at = time.monotonic()


class Origin:
    """A server for ``names``; ``port`` is its TLS port, ``plain_port`` the one without.

    With ``everywhere`` it listens at every address of either family, at 443 and 80 (in an island).
    """

    def __init__(
        self, authority: Authority, *names: str, h2: bool = True, expired: bool = False, everywhere: bool = False
    ) -> None:
        alpn = ("h2", "http/1.1") if h2 else ("http/1.1",)
        self._tls = authority.server(*names, expired=expired, alpn=alpn)
        self._tls.sni_callback = self._note_sni
        self._sni: dict[int, str | None] = {}
        self.connections: list[SeenConnection] = []
        self.requests: list[SeenRequest] = []
        self.tokens: TokenCheck | None = None
        self.port, self.plain_port = (443, 80) if everywhere else (0, 0)
        self._everywhere = everywhere
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="origin", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5), "the origin didn't start"
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    @property
    def bytes_received(self) -> int:
        """Application bytes over all connections, after TLS."""
        return sum(seen.bytes_received for seen in self.connections)

    @property
    def last(self) -> SeenRequest:
        """The newest request."""
        return self.requests[-1]

    def raw(self) -> bytes:
        """Everything received (the first MiB of each connection), to search for canaries."""
        return b"".join(bytes(seen.raw) for seen in self.connections)

    def clear(self) -> None:
        """Forget what was seen; open connections go on being counted in their own entries."""
        self.connections = []
        self.requests = []

    def require_jwt(self, jwks_url: str, audience: str) -> None:
        """From now on answer 401 unless a request carries a bearer token that verifies against these keys."""
        self.tokens = TokenCheck(jwks_url, audience)

    def wait_quiet(self, seconds: float = 0.15, limit: float = 5.0) -> None:
        """Return once nothing has arrived for ``seconds``."""
        deadline, before, since = time.monotonic() + limit, (-1, -1), time.monotonic()
        while time.monotonic() < deadline:
            now = (len(self.connections), self.bytes_received)
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since >= seconds:
                return
            time.sleep(0.01)
        raise AssertionError("bytes kept coming")

    def wait_for(self, count: int = 1, limit: float = 5.0) -> SeenRequest:
        """Return the ``count``-th request once it has arrived."""
        deadline = time.monotonic() + limit
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} requests arrived, {count} expected"
            time.sleep(0.005)
        return self.requests[count - 1]

    async def answer(self, seen: SeenRequest, reply: Reply) -> None:
        """Check the token where one is demanded, then behave."""
        if self.tokens is not None:
            claims, why = await asyncio.to_thread(self.tokens.check, seen.header("authorization"))
            seen.claims = claims
            if claims is None:
                await unauthorised(reply, why)
                return
        await behave(seen, reply)

    def _note_sni(self, sslobject: Any, name: str | None, _: ssl.SSLContext) -> None:
        self._sni[id(sslobject)] = name

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        secure = await asyncio.start_server(self._accept_tls, sock=self._socket(self.port))
        plain = await asyncio.start_server(self._accept_plain, sock=self._socket(self.plain_port))
        self.port = secure.sockets[0].getsockname()[1]
        self.plain_port = plain.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        secure.close()
        plain.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _socket(self, port: int) -> socket.socket:
        if self._everywhere:
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("127.0.0.1", port), backlog=100)

    async def _accept_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = self._accepted(writer, tls=True)
        try:
            # The first thing this task does, before the loop can read the client's hello as plain bytes.
            await writer.start_tls(self._tls, ssl_handshake_timeout=5)
        except (OSError, ssl.SSLError) as error:
            seen.error, seen.closed_at = repr(error), time.monotonic()
            writer.close()
            return
        shape = writer.get_extra_info("ssl_object")
        seen.alpn = shape.selected_alpn_protocol()
        seen.session_reused = bool(shape.session_reused)
        seen.sni = self._sni.pop(id(shape), None)
        await self._talk(reader, writer, seen)

    async def _accept_plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._talk(reader, writer, self._accepted(writer, tls=False))

    def _accepted(self, writer: asyncio.StreamWriter, *, tls: bool) -> SeenConnection:
        local = writer.get_extra_info("sockname")[0].removeprefix("::ffff:")
        seen = SeenConnection(len(self.connections), tls, writer.get_extra_info("peername")[:2], local)
        self.connections.append(seen)
        return seen

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: SeenConnection) -> None:
        link = Link(reader, writer, seen)
        try:
            if seen.alpn == "h2":
                await H2Server(link, self).serve()
            else:
                await serve_h1(link, self)
        except (OSError, ssl.SSLError, ValueError) as error:
            seen.error = seen.error or repr(error)
        finally:
            await link.end()
