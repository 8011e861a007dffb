"""A way to an authorization server that counts what passes, may change an answer, or do something before it arrives."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson

Hook = Callable[[dict[str, str], dict[str, Any]], dict[str, Any]]


class TokenRelay:
    """``hook(form, fields)`` returns what the asker gets instead of a good answer; ``delay`` is how long each call takes at least.

    ``forms`` are the calls of a path; ``busiest`` is how many refreshes were under way at the same time.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream, self.delay = upstream, 0.0
        self.hook: Hook | None = None
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.busiest = self._busy = 0
        self._lock = threading.Lock()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                relay._pass(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        """Forget what passed, change nothing more."""
        self.hook, self.delay, self.busiest = None, 0.0, 0
        self.forms.clear()

    def asked(self, path: str) -> list[dict[str, str]]:
        """The forms that were posted to a path."""
        return [form for at, form in self.forms if at == path]

    def _pass(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        refresh = form.get("grant_type") == "refresh_token"
        with self._lock:
            self.forms.append((handler.path, form))
            self._busy += refresh
            self.busiest = max(self.busiest, self._busy)
        try:
            time.sleep(self.delay)
            status, answer = self._ask(handler, body)
            if self.hook is not None and status == 200 and answer:
                answer = orjson.dumps(self.hook(form, orjson.loads(answer)))
        finally:
            with self._lock:
                self._busy -= refresh
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except OSError:  # whoever asked is gone
            handler.close_connection = True

    def _ask(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        kept = {name: value for name, value in handler.headers.items() if name in ("Authorization", "Content-Type")}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.upstream + handler.path, body, kept), timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
