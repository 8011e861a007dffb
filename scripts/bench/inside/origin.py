"""The origin where nginx isn't installed: the same answers from asyncio. Usage: origin.py PLAIN-PORT TLS-PORT."""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from pathlib import Path

FILES = {name: Path("www", name).read_bytes() for name in ("items", "large")}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWERS = {name: HEAD % len(body) + body for name, body in FILES.items()}


class Origin(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if b"/v1/seen" in head[:200]:
                shown = re.findall(rb"(?mi)^(authorization|exeat-agent|x-tag): *([^\r]*)", head)
                body = b"; ".join(name.lower() + b"=" + value for name, value in shown)
                self.transport.write(HEAD % len(body) + body)
            else:
                self.transport.write(ANSWERS["large" if b"/v1/large" in head[:200] else "items"])


async def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("origin.pem")
    loop = asyncio.get_running_loop()
    await loop.create_server(Origin, "127.0.0.1", int(sys.argv[1]))
    await (await loop.create_server(Origin, "127.0.0.1", int(sys.argv[2]), ssl=context)).serve_forever()


asyncio.run(main())
