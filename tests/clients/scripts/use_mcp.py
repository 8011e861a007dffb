"""The mcp client over streamable HTTP."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

from cells import TIMES, Outcome, host, pace, run
from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

HOST = host("mcp")


def with_client(work: Callable[[Client], Any], path: str = "/mcp") -> Callable[[], Outcome]:
    async def main() -> Outcome:
        headers = {"Authorization": f"Bearer {os.environ['MCP_KEY']}"}
        async with create_mcp_http_client(headers=headers) as http:
            transport = streamable_http_client(f"https://{HOST}{path}", http_client=http)
            async with Client(transport) as client:
                return 200, await work(client)

    return lambda: asyncio.run(asyncio.wait_for(main(), 8))


async def add(client: Client) -> Any:
    return (await client.call_tool("add", {"a": 40, "b": 2})).structured_content


async def repeatedly(client: Client) -> Any:
    for _ in range(TIMES):
        answer = await add(client)
    return answer


async def count(client: Client) -> str:
    times = []

    async def progress(*_: Any) -> None:
        times.append(time.monotonic())

    await client.call_tool("count", {"to": 5}, progress_callback=progress)
    return pace(times)


async def size(client: Client) -> Any:
    return (await client.call_tool("size", {"text": "x" * 8 * 1024 * 1024})).structured_content


run(
    with_client(add),
    refused=with_client(add, "/frozen"),
    streaming=with_client(count),
    large_upload=with_client(size),
    keep_alive=with_client(repeatedly),
)
