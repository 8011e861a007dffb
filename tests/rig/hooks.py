"""A group's own system: it hears Exeat's webhooks and answers with signed ones, written from the specification alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from typing import Any, Self

KEY = b"approvals-of-the-test-world-0123"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, in base64, after its version."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_fields(body: bytes, message_id: str, *, key: bytes = KEY, timestamp: float | None = None) -> dict[str, str]:
    """The fields that go with a message."""
    moment = str(int(time.time() if timestamp is None else timestamp))
    return {
        "webhook-id": message_id, "webhook-timestamp": moment, "webhook-signature": signature(key, message_id, moment, body)
    }  # fmt: skip


class Hooks:
    """Listens on ``url``; answers the first ``failures`` messages with 500."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.heard: list[tuple[dict[str, str], bytes]] = []
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hooks.heard.append(({key.lower(): value for key, value in self.headers.items()}, body))
                hooks.failures -= 1
                self.send_response(500 if hooks.failures >= 0 else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/exeat"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, approval: str, limit: float = 5) -> list[tuple[dict[str, str], bytes]]:
        """Every message about one approval, waited for."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if found := [each for each in self.heard if json.loads(each[1])["data"]["approval"] == approval]:  # noqa: TID251
                return found
            time.sleep(0.02)
        return []
