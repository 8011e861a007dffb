"""An origin that answers with exactly the bytes a test gives it, over TLS and HTTP/1.1, and notes what it was sent."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

from rig.certs import Authority
from rig.threaded_origin import ThreadedOrigin

Script = Callable[[ssl.SSLSocket, bytes], None]


class ScriptedOrigin(ThreadedOrigin):
    """``script`` is called with each request head and answers it."""

    def __init__(self, authority: Authority, *names: str) -> None:
        super().__init__(authority, *names)
        self.script: Script = lambda sock, _: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.heads: list[bytes] = []

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

    def talk(self, sock: ssl.SSLSocket) -> None:
        received = b""
        while data := sock.recv(65536):
            received += data
            while b"\r\n\r\n" in received:
                head, _, received = received.partition(b"\r\n\r\n")
                self.heads.append(head)
                self.script(sock, head)
