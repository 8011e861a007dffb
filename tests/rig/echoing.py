"""An origin that hands the credential back, in as many ways as ``GET /as/HOW`` names."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import sys
import zlib
from collections.abc import Callable
from urllib.parse import parse_qs, quote

import brotli

from rig.behaviours import Reply
from rig.origin import Origin
from rig.seen import SeenRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Fields = list[tuple[str, str]]

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress,
}  # fmt: skip
BOMBS = CODINGS | {"br": lambda data: brotli.compress(data, quality=4)}
LONG = b"." * 5000


def said(seen: SeenRequest) -> str:
    """The credential as it came, without its scheme."""
    return (seen.header("authorization") or ["- none"])[0].partition(" ")[2]


class EchoingOrigin(Origin):
    """``/as/HOW?…`` answers in one way; everything else behaves as the plain origin does."""

    async def answer(self, seen: SeenRequest, reply: Reply) -> None:
        path, _, query = seen.target.partition("?")
        if not path.startswith("/as/"):
            await super().answer(seen, reply)
            return
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        token = said(seen)
        how = path.removeprefix("/as/").replace("-", "_")
        if how in CODINGS:
            await self._coded(seen, reply, how, asked)
            return
        await getattr(self, f"as_{how}")(seen, reply, token, asked)

    async def whole(self, reply: Reply, body: bytes, *fields: tuple[str, str], status: int = 200) -> None:
        await reply.start(status, list(fields), len(body))
        await reply.write(body)
        await reply.finish()

    async def _coded(self, seen: SeenRequest, reply: Reply, coding: str, asked: dict[str, str]) -> None:
        body = CODINGS[coding](json.dumps({"token": said(seen), "fill": "x" * 3000}).encode())
        fields = [("content-encoding", coding), ("content-type", "application/json"), ("etag", '"strong"'),
                  ("content-digest", "sha-256=:AAAA:"), ("accept-ranges", "bytes")]  # fmt: skip
        size = int(asked.get("size", "0"))
        await reply.start(200, fields, None if size else len(body))
        for at in range(0, len(body), size or len(body)):
            await reply.write(body[at : at + (size or len(body))])
        await reply.finish()

    async def as_chunks(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """Chunked, cut at ``at`` bytes into the token, so that a chunk is nothing but its beginning."""
        cut = int(asked["at"])
        await reply.start(200, [("content-type", "text/plain")])
        for piece in ("before ", token[:cut], token[cut:], " after"):
            await reply.write(piece.encode())
            await asyncio.sleep(0.03)
        await reply.finish()

    async def as_events(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """Server-sent events, one with the token, coded and flushed when ``coding`` says so."""
        fields: Fields = [("content-type", "text/event-stream")]
        packer = zlib.compressobj(wbits=31) if asked.get("coding") else None
        if packer:
            fields.append(("content-encoding", "gzip"))
        await reply.start(200, fields)
        for number in range(3):
            event = f"data: {number} {token if number == 1 else ''}\n\n".encode()
            await reply.write(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) if packer else event)
            await asyncio.sleep(0.4)
        await reply.write(packer.flush() if packer else b"")
        await reply.finish()

    async def as_fields(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        await self.whole(
            reply, b"{}", ("location", f"/login?next={quote(token, safe='')}"), ("set-cookie", f"theme={token[:200]}; Path=/"),
            ("www-authenticate", f'Bearer error="invalid_token", error_description="{token}"'), ("warning", f'199 - "{token}"'),
            (f"x-{token[:60].replace('.', '-')}", "1"), ("x-basic", base64.b64encode(f"user:{token}".encode()).decode()),
            ("proxy-authenticate", f"Basic {token}"), status=int(asked.get("status", "302")),
        )  # fmt: skip

    async def as_trailers(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        await reply.start(200, [("content-type", "text/plain"), ("trailer", "x-token, set-cookie")])
        await reply.write(b"body")
        await reply.finish((("x-token", token), ("set-cookie", "sid=from-a-trailer-12345")))

    async def as_unknown(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        body = gzip.compress(gzip.compress(token.encode()))
        await self.whole(reply, body, ("content-encoding", asked["coding"]))

    async def as_cut(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """A coded body that isn't what it says, or ends early."""
        body = gzip.compress(b"z" * 5000)[:-8] if asked.get("early") else b"nothing of the kind, " + token.encode()
        await self.whole(reply, body, ("content-encoding", "gzip"))

    async def as_bomb(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        await self.whole(reply, BOMBS[asked["coding"]](b"\0" * 100_000_000), ("content-encoding", asked["coding"]))

    async def as_raw(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """Bytes of HTTP/1.1 with the token where ``TOKEN`` stands."""
        await reply.raw(asked["bytes"].encode("latin-1").replace(b"TOKEN", token.encode()))
        if asked.get("close"):
            await asyncio.sleep(0.1)
            reply.abort()

    async def as_head(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        await reply.start(int(asked.get("status", "200")), [("content-encoding", "gzip"), ("etag", '"strong"')], 77)
        await reply.finish()

    async def as_grpc(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        message = gzip.compress(token.encode())
        frame = b"\x01" + len(message).to_bytes(4) + message
        await self.whole(reply, frame, ("content-type", "application/grpc"), ("grpc-encoding", "gzip"))

    async def as_part(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """A resource that holds the token, and the part of it that was asked for."""
        everything = LONG + token.encode() + LONG
        wanted = seen.header("range")
        if not wanted:
            await self.whole(reply, everything, ("x-whole", "yes"))
            return
        if "," in wanted[0] or asked.get("multi"):
            await self.whole(
                reply, b"--x\r\n\r\n" + token.encode(), ("content-type", "multipart/byteranges; boundary=x"), status=206
            )
            return
        first, _, last = wanted[0].removeprefix("bytes=").partition("-")
        start = int(first) if first else len(everything) - int(last)
        end = min(int(last), len(everything) - 1) if first and last else len(everything) - 1
        place = f"bytes {start}-{end}/{len(everything)}"
        await self.whole(reply, everything[start : end + 1], ("content-range", place), status=206)

    async def as_login(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """Sets the cookies that ``set`` lists, one a line."""
        await self.whole(reply, b"{}", *(("set-cookie", line) for line in asked["set"].splitlines()))

    async def as_seen(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """What cookies and query came, in the body."""
        await self.whole(reply, json.dumps({"cookie": seen.header("cookie"), "target": seen.target}).encode())

    async def as_body(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        """The text asked for, in pieces."""
        body, size = asked["text"].encode(), int(asked.get("size", "1000"))
        packed = CODINGS[asked["coding"]](body) if "coding" in asked else body
        fields: Fields = [("content-type", asked.get("type", "application/json")), ("etag", '"strong"')]
        fields += [("content-encoding", asked["coding"])] if "coding" in asked else []
        await reply.start(200, fields, len(packed))
        for at in range(0, len(packed), size):
            await reply.write(packed[at : at + size])
        await reply.finish()

    async def as_link(self, seen: SeenRequest, reply: Reply, token: str, asked: dict[str, str]) -> None:
        await self.whole(reply, b"{}", (asked["field"], asked["value"]), status=int(asked.get("status", "302")))
