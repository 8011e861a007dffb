"""An origin that asks for more than a bearer token: a user's password, a signed request, a certificate of its own authority.

Ours, in one process with the tests: TLS by OpenSSL, and every check written from the specification and not from the product.
It answers 200 with what it saw, 401 with why not, and remembers both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import orjson

from rig.certs import Authority

Check = Callable[["Handler", bytes], str]
"""Why a request with this body is refused, or ""."""


def demands_basic(user: str, password: str) -> Check:
    """RFC 7617: exactly this user and this password."""
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return lambda request, _: "" if request.headers.get_all("authorization") == [wanted] else "who are you?"


def demands_signature(key: str, key_id: str, algorithm: str = "sha256", window: float = 30) -> Check:
    """Method, path, query, date and the body's SHA-256, a line each, signed; the date is now, give or take."""

    def check(request: Handler, body: bytes) -> str:
        path, _, query = request.path.partition("?")
        dates, shown = request.headers.get_all("x-date", []), request.headers.get_all("x-signature", [])
        if len(dates) != 1 or len(shown) != 1 or request.headers.get_all("x-key") != [key_id]:
            return "not signed once"
        if not abs(time.time() - int(dates[0])) <= window:
            return "signed at another time"
        text = "\n".join([request.command, path, query, dates[0], hashlib.sha256(body).hexdigest()])
        right = hmac.new(key.encode(), text.encode(), algorithm).hexdigest()
        return "" if hmac.compare_digest(shown[0], right) else "the signature is not of this request"

    return check


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it saw."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    server: Origin

    def log_message(self, *_: Any) -> None:
        pass

    def take(self) -> None:
        if self.headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(pieces)
        else:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
        refused = self.server.check(self, body) if self.server.check else ""
        shown: Any = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        subject = dict(pair[0] for pair in (shown or {}).get("subject", ()))
        seen = {
            "path": self.path, "refused": refused, "headers": self.headers.items(), "body": len(body),
            "subject": subject.get("commonName", ""), "serial": (shown or {}).get("serialNumber", ""),
            "connection": self.client_address[1],
        }  # fmt: skip
        self.server.seen.append(seen)
        text = orjson.dumps(seen)
        self.send_response(401 if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = take  # noqa: N815 the names that http.server calls


class Origin(http.server.ThreadingHTTPServer):
    """One door; ``clients`` is the authority whose certificates it demands."""

    daemon_threads = True

    def __init__(
        self, authority: Authority, host: str, check: Check | None = None, clients: Path | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = authority.server(host, alpn=("http/1.1",))
        if clients is not None:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_REQUIRED
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.host, self.check = host, check
        self.port: int = self.server_address[1]
        self.seen: list[dict[str, Any]] = []

    def handle_error(self, *_: Any) -> None:
        """A handshake that fails is no news."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
