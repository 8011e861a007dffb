"""A real MCP server over streamable HTTP behind TLS: the tools ``add``, ``size`` and ``count`` (reports progress)."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import uvicorn
from journal import Journal
from mcp.server import MCPServer
from mcp.server.mcpserver import Context


def start(pem: str, journal: Journal) -> int:
    server = MCPServer("test")

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    def size(text: str) -> int:
        return len(text)

    @server.tool()
    async def count(to: int, ctx: Context) -> int:
        for number in range(to):
            await ctx.report_progress(number, to)
            await asyncio.sleep(0.06)
        return to

    from mcp.server.transport_security import TransportSecuritySettings

    security = TransportSecuritySettings(allowed_hosts=["mcp.example.test"])
    app = server.streamable_http_app(transport_security=security, max_request_body_size=32 * 1024 * 1024)

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
            journal.note(scope["method"], scope["path"], scope["client"][1], headers)
            if scope["path"] == "/moved":
                location = [(b"location", b"https://evil.example.test/mcp"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 307, "headers": location})
                await send({"type": "http.response.body", "body": b""})
                return
        await app(scope, receive, send)

    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(noted, ssl_certfile=pem, ssl_keyfile=pem, log_level="warning", lifespan="on")
    running = uvicorn.Server(config)
    threading.Thread(target=lambda: running.run(sockets=[sock]), daemon=True).start()
    deadline = time.monotonic() + 15
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port: int = sock.getsockname()[1]
    return port
