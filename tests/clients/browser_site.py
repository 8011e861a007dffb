"""A small web shop on real sockets: a login with a cookie, parts from two hosts, a WebSocket, a download; it notes who asked.

Served by aiohttp in a thread of its own, HTTP/1.1 with TLS. Every session gets a cookie value of its own.
"""

from __future__ import annotations

import hashlib
import secrets
import ssl
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from rig.web_site import WebSite

REPORT = bytes(range(256)) * 8192
"""The file to download, 2 MiB."""
MESSAGES = 50

_LOGIN = (
    "<!doctype html><title>Sign in</title><form method=post action=/session><input name=user><button>Go</button></form>"
)
_PAGE = """<!doctype html><title>Shop of {user}</title><body><img src="https://cdn.example.test/dot.png">
<a id=report href=/report.bin download>report</a><script src="https://cdn.example.test/style.js"></script><script>
const said = [], socket = new WebSocket('wss://app.example.test/ws');
socket.onopen = () => {{ for (let n = 0; n < {count}; n += 1) socket.send('m' + n); }};
socket.onmessage = (event) => {{ said.push(event.data); if (said.length === {count}) socket.close(); }};
socket.onclose = (event) => {{ document.body.dataset.said = JSON.stringify([said.length, said.at(-1), event.code]); }};
</script>"""
_STYLE = "document.body.dataset.style = 'from the other host';"


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 3, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" + b"\1" * 9))
        + chunk(b"IEND", b"")
    )


@dataclass(frozen=True)
class Visit:
    """One request: whose it was, by our tag, by the site's cookie and by the token, and over which connection it came."""

    host: str
    path: str
    mission: str
    cookie: str
    token: str
    connection: tuple[str, int]


class Site(WebSite):
    """The shop; ``port`` is its TLS port, ``visits`` what came in."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context)
        self.visits: list[Visit] = []
        self._users: dict[str, str] = {}

    @property
    def report(self) -> str:
        """The hash of the download."""
        return hashlib.sha256(REPORT).hexdigest()

    def application(self) -> web.Application:
        """Its pages."""
        app = web.Application(middlewares=[self._note])
        app.add_routes(
            [web.get("/login", self._login), web.post("/session", self._session), web.get("/", self._page), web.get("/ws", self._socket),
             web.get("/report.bin", self._report), web.get("/style.js", self._style), web.get("/dot.png", self._dot)]
        )  # fmt: skip
        return app

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        self.visits.append(
            Visit(request.host, request.path, request.headers.get("exeat-mission", ""), request.cookies.get("sid", ""),
                  request.headers.get("authorization", ""), transport.get_extra_info("peername")[:2])
        )  # fmt: skip
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _login(self, _: web.Request) -> web.Response:
        return web.Response(text=_LOGIN, content_type="text/html")

    async def _session(self, request: web.Request) -> web.Response:
        form, sid = await request.post(), secrets.token_hex(8)
        self._users[sid] = str(form["user"])
        answer = web.Response(status=303, headers={"location": "/"})
        answer.set_cookie("sid", sid, httponly=True, secure=True)
        return answer

    async def _page(self, request: web.Request) -> web.Response:
        user = self._users[request.cookies["sid"]]
        return web.Response(text=_PAGE.format(user=user, count=MESSAGES), content_type="text/html")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str(f"{self._users[request.cookies['sid']]} said {message.data}")
        return socket

    async def _report(self, _: web.Request) -> web.Response:
        return web.Response(body=REPORT, content_type="application/octet-stream")

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(text=_STYLE, content_type="text/javascript")

    async def _dot(self, _: web.Request) -> web.Response:
        return web.Response(body=_png(), content_type="image/png")
