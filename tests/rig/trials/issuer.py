"""An authorization server that answers late and remembers which tokens it gave and took back, by place.

Must not know: who asks, what a token is good for.
"""

from __future__ import annotations

import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs
from uuid import uuid4

import orjson


class LateIssuer:
    """``/PLACE/token`` mints and ``/PLACE/revoke`` revokes."""

    def __init__(self, places: int, slowest: float = 0.15) -> None:
        self.asked = [threading.Event() for _ in range(places)]
        """Set while a token is being minted for a place."""
        self.slowest = slowest
        self._given: list[set[str]] = [set() for _ in range(places)]
        self._taken: list[set[str]] = [set() for _ in range(places)]
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def clear(self, place: int) -> None:
        """A new trial at a place."""
        self.asked[place].clear()
        self._given[place], self._taken[place] = set(), set()

    def alive(self, place: int) -> int:
        """How many tokens it gave for a place and was never asked to revoke."""
        return len(self._given[place] - self._taken[place])

    def answer(self, path: str, form: dict[str, list[str]]) -> dict[str, Any]:
        """One call, answered."""
        _, number, what = path.split("/")
        place = int(number)
        if what == "revoke":
            self._taken[place].update(form["token"])
            return {}
        given = self._given[place]
        self.asked[place].set()
        time.sleep(random.uniform(0.01, self.slowest))
        token = f"late-{uuid4().hex}"
        given.add(token)
        kind = "urn:ietf:params:oauth:token-type:access_token"
        return {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 60}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that was killed."""


def _handler(issuer: LateIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = orjson.dumps(issuer.answer(self.path, form))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
