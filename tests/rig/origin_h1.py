"""HTTP/1.1 as a lenient server speaks it: it shows what a proxy lets through, so it forgives nearly everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rig.seen import SeenRequest

if TYPE_CHECKING:
    from rig.origin import Link, Origin


class H1Reply:
    """Writes one response; without a length the body is chunked."""

    def __init__(self, link: Link, method: str) -> None:
        self._link, self._head_only, self._chunked, self.closed = link, method == "HEAD", False, False

    async def start(self, status: int, headers: list[tuple[str, str]], length: int | None = None) -> None:
        self._head_only = self._head_only or status in (204, 304)
        self._chunked = length is None
        lines = [f"HTTP/1.1 {status} Status"]
        lines += [f"{key}: {value}" for key, value in headers]
        lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
        await self._link.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def write(self, data: bytes) -> None:
        if data and not self._head_only:
            await self._link.send(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    async def finish(self, trailers: tuple[tuple[str, str], ...] = ()) -> None:
        if self._chunked and not self._head_only:
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            await self._link.send(f"0\r\n{lines}\r\n".encode("latin-1"))

    async def raw(self, data: bytes) -> None:
        await self._link.send(data)

    def abort(self) -> None:
        self.closed = True
        self._link.close()


class _Reader:
    def __init__(self, link: Link) -> None:
        self._link, self._buffer = link, bytearray()

    async def until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            await self._more()
        return self._cut(at + len(mark))

    async def exactly(self, count: int, into: SeenRequest | None = None) -> None:
        while count:
            if not self._buffer:
                await self._more()
            piece = self._cut(min(count, len(self._buffer)))
            count -= len(piece)
            if into is not None:
                into.take(piece)

    def _cut(self, count: int) -> bytes:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece

    async def _more(self) -> None:
        data = await self._link.recv()
        if not data:
            raise ConnectionError("the client has gone")
        self._buffer += data


def _parse(link: Link, head: bytes) -> SeenRequest:
    lines = head.decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.rpartition(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:] if line)]
    return SeenRequest(link.seen, method, target, version, headers, head=head)


async def serve_h1(link: Link, origin: Origin) -> None:
    """Answer requests on one connection until the client goes or a behaviour closes it."""
    reader = _Reader(link)
    while True:
        seen = _parse(link, await reader.until(b"\r\n\r\n"))
        origin.requests.append(seen)
        if any("100-continue" in value.lower() for value in seen.header("expect")):
            await link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if any("chunked" in value.lower() for value in seen.header("transfer-encoding")):
            while size := int((await reader.until(b"\r\n")).split(b";")[0], 16):
                await reader.exactly(size, seen)
                await reader.exactly(2)
            while (line := await reader.until(b"\r\n")) != b"\r\n":
                name, _, value = line.decode("latin-1").partition(":")
                seen.trailers.append((name, value.strip()))
        elif lengths := seen.header("content-length"):
            await reader.exactly(int(lengths[0]), seen)
        seen.complete = True
        reply = H1Reply(link, seen.method)
        try:
            await origin.answer(seen, reply)
        except ConnectionError:
            seen.cut_at = link.seen.closed_at
            raise
        if reply.closed:
            return
