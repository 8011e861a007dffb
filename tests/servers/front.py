"""TLS in front of a real server that speaks plain HTTP: forwards each request as it came, and remembers it.

Must not know: what the server is.
"""

from __future__ import annotations

import http.client
import http.server
import threading
from dataclasses import dataclass
from typing import Any, Self

from rig.certs import Authority


@dataclass(frozen=True)
class Seen:
    """One request as the server got it; ``headers`` in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    server: Front

    def log_message(self, *_: Any) -> None:
        pass

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append(Seen(self.path, headers, body))
        there = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=15)
        try:
            there.putrequest(self.command, self.server.prefix + self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                there.putheader(name, value)
            there.endheaders(body)
            answer = there.getresponse()
            text = answer.read()
        finally:
            there.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = pass_on  # noqa: N815 the names that http.server calls


class Front(http.server.ThreadingHTTPServer):
    """One door for ``names``; paths get ``prefix`` in front on the way to the port ``target``."""

    daemon_threads = True

    def __init__(self, authority: Authority, target: int, *names: str, prefix: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = authority.server(*names, alpn=("http/1.1",))
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.target, self.prefix = target, prefix
        self.port: int = self.server_address[1]
        self.seen: list[Seen] = []

    def handle_error(self, *_: Any) -> None:
        """A handshake that fails is no news."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
