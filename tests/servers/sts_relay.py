"""Stands between an installation and a real STS: remembers what was granted, and can be late, broken or a liar."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Granted:
    """One session as it was granted, and the form it was asked for with."""

    form: dict[str, str]
    key_id: str
    secret: str
    token: str


class StsRelay:
    """Forwards to ``target``. ``change`` is applied to answers, ``delay`` is in seconds, ``down`` closes connections."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.granted: list[Granted] = []
        self.honest()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if relay.down:
                    self.close_connection = True
                    return
                time.sleep(relay.delay)
                status, answer = relay.forward(self.path, dict(self.headers), body)
                with suppress(OSError):  # whoever asked has given up
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def honest(self) -> None:
        """Be a plain relay again."""
        self.change: Callable[[bytes], bytes] = lambda answer: answer
        self.delay, self.down = 0.0, False

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Ask the real one, as it was asked; the Host field is signed, so it is kept."""
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=10)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status == 200:
            form = {key: value[0] for key, value in parse_qs(body.decode()).items()}
            found = [_element(text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
            self.granted.append(Granted(form, *found))
        return answer.status, self.change(text)


def _element(text: bytes, name: str) -> str:
    match = re.search(rf"<{name}>([^<]*)</{name}>".encode(), text)
    return match[1].decode() if match else ""
