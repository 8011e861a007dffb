"""Records as they are written: to everybody who listens, one event each, and never more than a listener can take."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest
from mission_world import Clock, World

from exeat.admin.events import Listener
from exeat.admin.server import AdminServer


class Log:
    """A log that grows when a test says so; ``following`` counts who reads it."""

    def __init__(self) -> None:
        self.written: queue.Queue[dict[str, Any]] = queue.Queue()
        self.following = 0

    def follow(self, stop: threading.Event) -> Iterator[dict[str, Any]]:
        self.following += 1
        while not stop.is_set():
            try:
                yield self.written.get(timeout=0.01)
            except queue.Empty:
                continue
        self.following -= 1


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def url(log: Log, given: Any) -> AsyncIterator[str]:
    engine = given.database()
    server = AdminServer(given.context(World(), Clock(), engine, follow=log.follow), "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{server.port}/v1/events"
    await server.stop()
    engine.dispose()


def decision(**fields: Any) -> dict[str, Any]:
    return {"kind": "decision", "decision": "deny", "path": "/", **fields}


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def test_every_listener_gets_what_is_written_and_the_log_is_followed_once(log: Log, url: str, given: Any) -> None:
    async with (
        aiohttp.ClientSession(headers=given.headers) as session, session.get(url) as one, session.get(url) as two,
    ):  # fmt: skip
        assert one.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        await until(lambda: log.following == 1)
        log.written.put({"kind": "checkpoint"})
        log.written.put({"kind": "admin", "event": "token_create"})
        log.written.put(decision(path="/a\n\nevent: mission\ndata: {}\n\n"))
        log.written.put({"kind": "mission", "event": "revoke"})
        for stream in (one, two):
            async with asyncio.timeout(5):
                assert await stream.content.readuntil(b"\n\n") == b": exeat\n\n"
                first = (await stream.content.readuntil(b"\n\n")).splitlines()
                second = (await stream.content.readuntil(b"\n\n")).splitlines()
            assert first[0] == b"event: decision"
            assert orjson.loads(first[1].removeprefix(b"data: "))["path"].startswith("/a\n\nevent: mission"), (
                "one event"
            )
            assert second[0] == b"event: mission"
        assert log.following == 1
    await until(lambda: log.following == 0)


@pytest.mark.guard("stream-ends-with-its-token")
async def test_a_stream_ends_with_the_token_that_opened_it(log: Log, url: str, given: Any) -> None:
    tokens = url.replace("events", "tokens")
    async with aiohttp.ClientSession() as session:
        made = {"name": "board", "role": "viewer"}
        async with session.post(tokens, json=made, headers=given.headers) as answer:
            token = await answer.json()
        async with session.get(url, headers={"Authorization": f"Bearer {token['secret']}"}) as stream:
            await until(lambda: log.following == 1)
            async with session.post(f"{tokens}/{token['id']}/revoke", json={}, headers=given.headers) as answer:
                assert answer.status == 200
            async with asyncio.timeout(5):
                assert await stream.content.read() == b": exeat\n\n"


async def test_nobody_listens_without_a_token(log: Log, url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 401
    assert log.following == 0


@pytest.mark.guard("slow-listener-drops")
async def test_who_is_too_slow_loses_records_and_is_told_how_many() -> None:
    listener = Listener()
    for number in range(620):
        listener.give(decision(number=number))
    listener.give(None)
    events = listener.take().split(b"\n\n")
    assert len(events) == 500 + 1 + 1
    assert b'"number":499' in events[499]
    assert events[500] == b'event: dropped\ndata: {"dropped":121}'
    listener.give(decision())
    assert listener.take().count(b"event: ") == 1


async def test_listeners_are_let_go_when_the_process_ends(log: Log, given: Any) -> None:
    engine = given.database()
    server = AdminServer(given.context(World(), Clock(), engine, follow=log.follow), "127.0.0.1", 0)
    await server.start()
    url = f"http://127.0.0.1:{server.port}/v1/events"
    async with aiohttp.ClientSession(headers=given.headers) as session, session.get(url) as stream:
        await until(lambda: log.following == 1)
        async with asyncio.timeout(1.5):  # less than calls under way are waited for
            await server.stop()
        assert (await stream.content.read()).startswith(b": exeat")
    await until(lambda: log.following == 0)
    engine.dispose()


@pytest.mark.guard("stream-ends-with-its-token")
async def test_a_stream_ends_with_the_token_it_was_asked_for_with(
    url: str, given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exeat.admin.events._STILL", 0.0)
    monkeypatch.setattr("exeat.admin.events._LOOK", 0.02)
    base = url.removesuffix("/v1/events")
    async with aiohttp.ClientSession(headers=given.headers) as owner:
        made = await (await owner.post(f"{base}/v1/tokens", json={"name": "board", "role": "viewer"})).json()
        board = {"Authorization": f"Bearer {made['secret']}"}
        async with aiohttp.ClientSession(headers=board) as session, session.get(url) as stream:
            assert await stream.content.readuntil(b"\n\n") == b": exeat\n\n"
            await asyncio.sleep(0.1)
            assert not stream.content.at_eof()
            await (await owner.post(f"{base}/v1/tokens/{made['id']}/revoke", json={})).json()
            async with asyncio.timeout(5):
                assert await stream.content.read() == b""
