"""An origin in a process of its own that counts bytes where they arrive: on the TCP socket, TLS records and all.

Each place has a port. Whoever runs the trials asks it, over a pipe, what a place has got since when.
Must not know: Exeat, missions.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Self

from rig.certs import Authority
from rig.trials.replies import Http1, Http2, Talk
from rig.trials.stamps import receive, stamped, stamping


@dataclass(frozen=True)
class Got:
    """What a place has got: in all, after a moment, and when the last byte came (0 for never)."""

    total: int
    late: int
    last: float
    connections: int


@dataclass
class _Place:
    """One port's account. Pieces that came within a millisecond are one."""

    connections: int = 0
    pieces: list[tuple[float, int]] = field(default_factory=list)

    def take(self, at: float, size: int) -> None:
        if self.pieces and at - self.pieces[-1][0] < 0.001:
            size += self.pieces.pop()[1]
        self.pieces.append((at, size))

    def got(self, since: float) -> Got:
        late = sum(size for at, size in self.pieces if at > since)
        last = max((at for at, _ in self.pieces), default=0.0)
        return Got(sum(size for _, size in self.pieces), late, last, self.connections)


class Origin:
    """The process, from outside. Safe to ask from several threads."""

    def __init__(self, authority: Authority, names: Sequence[str], places: int, folder: Path) -> None:
        cert, key = authority.files(folder, *names)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._lock = threading.Lock()
        self._process = context.Process(target=_main, args=(theirs, str(cert), str(key), places), daemon=True)
        self._process.start()
        theirs.close()
        self.ports: list[int] = self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._pipe.close()  # ends it
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()

    def _ask(self, *question: Any) -> Any:
        with self._lock:
            self._pipe.send(question)
            if not self._pipe.poll(20):
                raise TimeoutError("the counting origin doesn't answer")
            return self._pipe.recv()

    def clear(self, place: int) -> None:
        """Forget what came so far, and end every connection of this place."""
        self._ask("clear", place)

    def got(self, place: int, since: float = float("inf")) -> Got:
        """What came to a place, and how much of it later than ``since``."""
        found: Got = self._ask("got", place, since)
        return found


def _main(pipe: Pipe, cert: str, key: str, places: int) -> None:
    asyncio.run(_Counting(pipe, cert, key, places).run())


class _Counting:
    """The process, from inside."""

    def __init__(self, pipe: Pipe, cert: str, key: str, places: int) -> None:
        stamping()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cert, key)
        self.tls.set_alpn_protocols(["h2", "http/1.1"])
        self._pipe = pipe
        self._places = [_Place() for _ in range(places)]
        self._open: list[set[_Connection]] = [set() for _ in range(places)]
        self._over = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        ports = []
        for number in range(len(self._places)):
            listener = stamped(socket.create_server(("127.0.0.1", 0), backlog=256))
            listener.setblocking(False)
            loop.add_reader(listener.fileno(), self._accept, listener, number)
            ports.append(listener.getsockname()[1])
        self._pipe.send(ports)
        loop.add_reader(self._pipe.fileno(), self._answer)
        await self._over.wait()

    def _accept(self, listener: socket.socket, number: int) -> None:
        with suppress(BlockingIOError):
            while True:
                sock, _ = listener.accept()
                self._places[number].connections += 1
                self._open[number].add(_Connection(stamped(sock), self.tls, self._places[number], self._open[number]))

    def _answer(self) -> None:
        try:
            what, number, *more = self._pipe.recv()
        except (EOFError, OSError):
            self._over.set()
            return
        if what == "clear":
            for connection in list(self._open[number]):
                connection.close()
            self._places[number].connections = 0
            self._places[number].pieces.clear()
            self._pipe.send(None)
        else:
            for connection in list(self._open[number]):
                connection.read()  # whatever lies in the kernel is counted before it is told
            self._pipe.send(self._places[number].got(*more))


class _Connection:
    """One TCP connection: raw bytes are counted, then TLS is taken off and HTTP answered."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext, place: _Place, siblings: set[_Connection]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock, self._place, self._siblings = sock, place, siblings
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._in, self._out, server_side=True)
        self._talk: Talk | None = None
        self._unsent = b""
        self.closed = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(sock.fileno(), self.read)

    def read(self) -> None:
        """Take what has come."""
        try:
            while not self.closed:
                data, at = receive(self._sock)
                if not data:
                    self.close()
                    return
                self._place.take(at, len(data))
                self._in.write(data)
                self._advance()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _advance(self) -> None:
        try:
            if self._talk is None:
                self._tls.do_handshake()
                kind = Http2 if self._tls.selected_alpn_protocol() == "h2" else Http1
                self._talk = kind(self.send, self._later)
            while data := self._tls.read(65536):
                self._talk.received(data)
            self.close()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self.close()

    def send(self, data: bytes) -> None:
        """Answer something."""
        if not self.closed:
            with suppress(ssl.SSLError):
                self._tls.write(data)
            self._flush()

    def _later(self, seconds: float, work: Any) -> None:
        self._loop.call_later(seconds, lambda: None if self.closed else work())

    def _flush(self) -> None:
        self._unsent += self._out.read()
        try:
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
            self._loop.remove_writer(self._sock.fileno())
        except BlockingIOError:
            self._loop.add_writer(self._sock.fileno(), self._flush)
        except OSError:
            self.close()

    def close(self) -> None:
        """Let it go."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
            self._siblings.discard(self)
