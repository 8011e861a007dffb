"""What the origin answers, by path; the same over HTTP/1.1 and HTTP/2.

/echo            JSON of what came in                 /v1/…             JSON, 200 or 201
/sse?n=&interval=  n events (0 = endless)             /drip             endless bytes, ten times a second
/bytes?n=        n bytes in 64 KiB pieces             /upload           JSON of the body's length and hash
/status/N        that status                          /redirect?to=     302
/slow?s=         200 after s seconds                  /101              an upgrade nobody asked for (HTTP/1.1)
/close           closes in mid-body                   /reflect          the request's headers, in body and header
/trailers        a chunked body with trailers
/extra           a second response nobody asked for
/cookie          sets a cookie                        /alt-svc          points elsewhere in three fields
/interim?n=      n times 103 (0 = endless), then 200  /endless-head     a head that never ends (HTTP/1.1)
/endless-trailers  trailers that never end            /torn             half a head that quotes the request's token
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qs

from rig.seen import SeenRequest


class Reply(Protocol):
    """How to answer one request; every method raises ConnectionError once the client has gone."""

    async def start(self, status: int, headers: list[tuple[str, str]], length: int | None = None) -> None: ...
    async def write(self, data: bytes) -> None: ...
    async def finish(self, trailers: tuple[tuple[str, str], ...] = ()) -> None: ...
    async def raw(self, data: bytes) -> None: ...
    def abort(self) -> None: ...


Arguments = dict[str, str]


async def _whole(reply: Reply, status: int, body: bytes, *headers: tuple[str, str]) -> None:
    await reply.start(status, [("content-type", "application/json"), *headers], len(body))
    await reply.write(body)
    await reply.finish()


async def unauthorised(reply: Reply, why: str) -> None:
    """The answer to a request without a good token."""
    await _whole(reply, 401, json.dumps({"error": why}).encode(), ("www-authenticate", "Bearer"))


async def _sse(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.start(200, [("content-type", "text/event-stream"), ("cache-control", "no-store")])
    count, sent = int(arguments.get("n", 5)), 0
    while not count or sent < count:
        await reply.write(f"id: {sent}\ndata: {json.dumps({'n': sent})}\n\n".encode())
        sent += 1
        await asyncio.sleep(float(arguments.get("interval", 0.05)))
    await reply.finish()


async def _drip(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.start(200, [("content-type", "application/octet-stream")])
    while True:
        await reply.write(b"drip" * 16)
        await asyncio.sleep(0.1)


async def _bytes(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    left = int(arguments.get("n", 1024))
    await reply.start(200, [("content-type", "application/octet-stream")], left)
    piece = bytes(range(256)) * 256
    while left:
        await reply.write(piece[:left])
        left -= min(left, len(piece))
    await reply.finish()


async def _upgrade(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nRAW-BYTES")
    await asyncio.sleep(0.5)
    reply.abort()


async def _extra(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"
    )


async def _interim(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    count, sent = int(arguments.get("n", 0)), 0
    while not count or sent < count:
        await reply.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        sent += 1
        await asyncio.sleep(0)
    await _whole(reply, 200, b'{"interim": true}')


async def _forever(reply: Reply) -> None:
    line = b"X-Filler: " + b"a" * 1000 + b"\r\n"
    while True:
        await reply.raw(line * 16)
        await asyncio.sleep(0)  # a socket that takes everything would never let anybody else run


async def _endless_head(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\n")
    await _forever(reply)


async def _endless_trailers(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
    await _forever(reply)


async def _torn(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    token = (seen.header("authorization") or ["-"])[0]
    await reply.raw(f"HTTP/1.1 200 OK\r\nX-Echo: {token}\r\nX-Half".encode())
    await asyncio.sleep(0.1)
    reply.abort()


async def _close(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.start(200, [("content-type", "text/plain")], 1000)
    await reply.write(b"only a part")
    reply.abort()


async def _slow(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await asyncio.sleep(float(arguments.get("s", 1)))
    await _whole(reply, 200, b'{"slow": true}')


async def _redirect(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await _whole(reply, 302, b"{}", ("location", arguments.get("to", "/")))


async def _reflect(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    tokens = seen.header("authorization") or ["-"]
    await _whole(reply, 200, json.dumps(seen.headers).encode(), ("x-reflected", tokens[0]))


async def _trailers(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await reply.start(200, [("content-type", "text/plain"), ("trailer", "x-sum, x-token")])
    await reply.write(b"body")
    await reply.finish((("x-sum", "abc"), ("x-token", (seen.header("authorization") or ["-"])[0])))


async def _cookie(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await _whole(reply, 200, b"{}", ("set-cookie", "sid=origin-session; Path=/; Secure"))


async def _alt_svc(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    elsewhere = "https://evil.example.test/x"
    await _whole(
        reply, 200, b"{}", ("alt-svc", 'h3="evil.example.test:443"'), ("link", f"<{elsewhere}>; rel=preload"),
        ("refresh", f"0; url={elsewhere}"),
    )  # fmt: skip


async def _upload(seen: SeenRequest, reply: Reply, arguments: Arguments) -> None:
    await _whole(reply, 200, json.dumps({"length": seen.length, "sha256": seen.sha256}).encode())


_BY_PATH: dict[str, Callable[[SeenRequest, Reply, Arguments], Awaitable[None]]] = {
    "/sse": _sse, "/drip": _drip, "/bytes": _bytes, "/101": _upgrade, "/trailers": _trailers, "/close": _close, "/torn": _torn,
    "/interim": _interim, "/endless-head": _endless_head, "/endless-trailers": _endless_trailers, "/extra": _extra, "/slow": _slow,
    "/redirect": _redirect, "/reflect": _reflect, "/cookie": _cookie, "/alt-svc": _alt_svc, "/upload": _upload,
}  # fmt: skip


async def behave(seen: SeenRequest, reply: Reply) -> None:
    """Answer one request as its path says."""
    path, _, query = seen.target.partition("?")
    if known := _BY_PATH.get(path):
        await known(seen, reply, {key: values[0] for key, values in parse_qs(query).items()})
    elif path.startswith("/status/"):
        await _whole(reply, int(path.rpartition("/")[2]), b'{"ok": false}')
    elif path.startswith("/v1/"):
        answer = {"ok": True, "path": path, "method": seen.method}
        await _whole(reply, 201 if seen.method == "POST" else 200, json.dumps(answer).encode())
    else:
        await _whole(reply, 200, json.dumps(seen.as_json()).encode())
