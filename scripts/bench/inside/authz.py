"""A trivial ext_authz server: every check is allowed, with the credential and the tag. Usage: authz.py PORT KEY."""

from __future__ import annotations

import asyncio
import sys

ANSWER = (
    f"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nauthorization: Bearer {sys.argv[2]}\r\n"
    "x-tag: spiffe://bench/agent/bot\r\n\r\n"
).encode()


class Authz(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            _, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.transport.write(ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Authz, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
