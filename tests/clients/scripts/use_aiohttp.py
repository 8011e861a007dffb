"""aiohttp, which looks at the environment only with ``trust_env``."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from cells import BEARER, FORBIDDEN, MOVED, READ, STREAM, TIMES, UPLOAD, UPLOADED, Outcome, pace, run


def with_session(work: Callable[[aiohttp.ClientSession], Any]) -> Callable[[], Outcome]:
    async def main() -> Outcome:
        async with aiohttp.ClientSession(trust_env=True, headers=BEARER) as session:
            return await work(session)

    return lambda: asyncio.run(main())


def ask(method: str, url: str, **more: Any) -> Callable[[], Outcome]:
    async def work(session: aiohttp.ClientSession) -> Outcome:
        async with session.request(method, url, **more) as answer:
            return answer.status, await answer.text()

    return with_session(work)


async def stream(session: aiohttp.ClientSession) -> Outcome:
    async with session.get(STREAM) as answer:
        return 200, pace([time.monotonic() async for line in answer.content if line.strip()])


async def repeatedly(session: aiohttp.ClientSession) -> Outcome:
    for _ in range(TIMES):
        async with session.get(READ) as answer:
            outcome = answer.status, await answer.text()
    return outcome


run(
    ask("GET", READ),
    refused=ask("POST", FORBIDDEN, json={}),
    streaming=with_session(stream),
    large_upload=ask("PUT", UPLOADED, data=UPLOAD.read_bytes()),
    redirect_refused=ask("GET", MOVED),
    keep_alive=with_session(repeatedly),
)
