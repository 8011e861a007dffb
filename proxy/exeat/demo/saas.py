"""The SaaS of the demo, a process of its own: ``python -m exeat.demo.saas CERTIFICATE JWKS_URL AUDIENCE``.

It answers only to tokens that it verifies itself against the published keys (RFC 9068 §4), and it reports what reached
it as JSON lines on stdout. A second port stands for a destination nobody allowed; it counts connections. It ends when
its stdin does. Must not know: Exeat. It sees what any vendor would see.
"""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson

OLD_KEY = os.environ.get("ACME_KEY", "")
"""The shared key that this SaaS once gave out. It no longer opens anything; a vendor would still recognise it."""

_SAY = threading.Lock()


def say(event: str, **facts: object) -> None:
    """Tell the stage what happened. Times are CLOCK_MONOTONIC, the same in every process of a machine."""
    with _SAY:
        sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **facts}) + "\n")
        sys.stdout.flush()


class Keys:
    """The issuer's public keys, fetched when an unknown one is named."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[str, jwt.PyJWK] = {}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, kid: str) -> jwt.PyJWK:
        """Return a key; raise KeyError when it isn't published, OSError when nobody can be asked."""
        if kid not in self._known:
            with self._opener.open(self._url, timeout=5) as answer:
                self._known = {key["kid"]: jwt.PyJWK(key) for key in orjson.loads(answer.read())["keys"]}
        return self._known[kid]


class Handler(BaseHTTPRequestHandler):
    """One request: verify, report, answer."""

    protocol_version = "HTTP/1.1"
    keys: Keys
    audience: str

    def do_GET(self) -> None:
        """Read refunds, or follow the feed."""
        claims = self._admit()
        if claims is not None:
            self._feed() if urlsplit(self.path).path == "/v1/events" else self._json(200, {"refunds": ["R-1", "R-2"]})

    def do_POST(self) -> None:
        """Create something."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._admit(body) is not None:
            self._json(201, {"created": True})

    def _admit(self, body: bytes = b"") -> dict[str, Any] | None:
        claims, why = self._verify(self.headers.get_all("Authorization") or [])
        everything = str(self.headers).encode() + self.path.encode() + body
        say(
            "request", method=self.command, path=self.path, status=200 if claims else 401, claims=claims, why=why,
            tags=self.headers.get_all("Exeat-Agent") or [], mission=self.headers.get_all("Exeat-Mission") or [],
            request_id=self.headers.get_all("Exeat-Request-Id") or [],
            shared_key=bool(OLD_KEY) and OLD_KEY.encode() in everything,
            proxy_headers=[name for name in self.headers if name.lower().startswith("proxy-")],
        )  # fmt: skip
        if claims is None:
            self._json(401, {"message": f"not accepted: {why}"})
        return claims

    def _verify(self, shown: list[str]) -> tuple[dict[str, Any] | None, str]:
        if len(shown) != 1 or not shown[0].startswith("Bearer "):
            return None, "exactly one bearer token is needed"
        token = shown[0].removeprefix("Bearer ")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt":
                return None, "this is no access token"
            claims: dict[str, Any] = jwt.decode(
                token, self.keys.get(header["kid"]), algorithms=["ES256", "EdDSA"], audience=self.audience,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "jti"]},
            )  # fmt: skip
        except (jwt.PyJWTError, KeyError, ValueError):
            return None, "this is no token of a known issuer"
        except OSError:
            return None, "the issuer's keys can't be fetched"
        return claims, ""

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _feed(self) -> None:
        """One event every 50 ms, for ever; report the moment the other side is gone."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        sent = 0
        try:
            while True:
                self.wfile.write(f"data: {sent}\n\n".encode())
                sent += 1
                if select.select([self.connection], [], [], 0.05)[0] and not self.connection.recv(1024):
                    break
        except OSError:
            pass
        say("cut", sent=sent)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr; ``say`` reports."""


def count_connections(listener: socket.socket, count: list[int]) -> None:
    """Accept, count and close, for ever."""
    while True:
        accepted, _ = listener.accept()
        count[0] += 1
        accepted.close()


def main() -> int:
    """Serve until stdin ends; each line on stdin asks for the count of connections to the other port."""
    certificate, jwks_url, audience = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handler = type("Acme", (Handler,), {"keys": Keys(jwks_url), "audience": audience})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    # The handshake is left to each connection's own thread, so that nobody can hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    elsewhere = socket.create_server(("127.0.0.1", 0))
    count = [0]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=count_connections, args=(elsewhere, count), daemon=True).start()
    say("ready", port=server.server_address[1], elsewhere=elsewhere.getsockname()[1])
    for _ in sys.stdin:
        say("count", connections=count[0])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
