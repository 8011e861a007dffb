"""An origin over TLS and HTTP/1.1 with one thread a connection; what it says is a subclass's.

Must not know: HTTP.
"""

from __future__ import annotations

import socket
import ssl
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Self

from rig.certs import Authority


class ThreadedOrigin(ABC):
    """Context manager. ``connections`` and ``ended`` count what was accepted and what is over."""

    def __init__(self, authority: Authority, *names: str) -> None:
        self._context = authority.server(*names, alpn=("http/1.1",))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = self.ended = 0
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(2)

    @abstractmethod
    def talk(self, sock: ssl.SSLSocket) -> None:
        """Serve one connection until it is over."""

    def broke_off(self) -> None:  # noqa: B027 most have nothing to note
        """A connection ended with an error."""

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as sock:
                self._sockets.append(sock)
                self.talk(sock)
        except OSError:  # ssl.SSLError is one
            self.broke_off()
        self.ended += 1
