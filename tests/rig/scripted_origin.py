"""An origin that answers with exactly the bytes a test gives it, over TLS and HTTP/1.1, and notes what it was sent."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from rig.certs import Authority

Script = Callable[[ssl.SSLSocket, bytes], None]


class ScriptedOrigin:
    """Context manager; one thread a connection. ``script`` is called with each request head and answers it."""

    def __init__(self, authority: Authority, *names: str) -> None:
        self._context = authority.server(*names, alpn=("http/1.1",))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.script: Script = lambda sock, _: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.heads: list[bytes] = []
        self.connections = self.ended = 0
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def answer(self, data: bytes, *, close: bool = False) -> None:
        """Answer every request with these bytes from now on, and forget what was seen."""

        def script(sock: ssl.SSLSocket, _: bytes) -> None:
            sock.sendall(data)
            if close:
                sock.close()

        self.script, self.heads, self.connections, self.ended = script, [], 0, 0

    def wait_ended(self, count: int = 1, limit: float = 5.0) -> None:
        """Return once so many connections have ended."""
        deadline = time.monotonic() + limit
        while self.ended < count:
            assert time.monotonic() < deadline, f"{self.ended} of {count} connections ended"
            time.sleep(0.01)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as sock:
            self._sockets.append(sock)
            received = b""
            while data := sock.recv(65536):
                received += data
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    self.heads.append(head)
                    self.script(sock, head)
        self.ended += 1
