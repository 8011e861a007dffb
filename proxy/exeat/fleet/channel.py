"""Calls between two processes over one socket pair: in order, both ways, any number at a time.

A frame is four bytes of length and a JSON array: ``["call", number, name, argument]``, ``["tell", 0, name, argument]``,
``["done", number, "", result]`` or ``["fail", number, code, detail]``. What a plain function handles is done before the
next frame is read, so that the order of sending is the order of doing; what a coroutine function handles goes on beside.
Only the two ends of a pair that one process made speak it, so nobody has to be authenticated. Must not know: what is said.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from itertools import count
from typing import Any, final

import orjson

from exeat.errors import ExeatError, RefusalError, UnavailableError
from exeat.model.reason import Reason

logger = logging.getLogger("exeat.channel")

_LARGEST = 256 * 1024 * 1024
"""Bytes of a frame: ten thousand missions are some ten million."""

Handler = Callable[[Any], Any]
"""Takes the argument of a call or telling; returns a JSON value, or an awaitable of one."""


@final
class Channel(asyncio.Protocol):
    """One end. ``handlers`` by name; ``gone`` is called once when the other end is."""

    def __init__(self, handlers: Mapping[str, Handler], gone: Callable[[], None]) -> None:
        self._handlers = handlers
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = False

    @classmethod
    async def over(cls, end: socket.socket, handlers: Mapping[str, Handler], gone: Callable[[], None]) -> Channel:
        """Begin to speak over a connected socket."""
        _, channel = await asyncio.get_running_loop().create_unix_connection(lambda: cls(handlers, gone), sock=end)
        return channel

    async def call(self, name: str, argument: Any = None) -> Any:
        """Return what the other end's handler returns.

        Raise RefusalError as it did there, UnavailableError for any other failure of it or when the other end is gone.
        """
        if self.closed:
            raise UnavailableError("the other process is gone")
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send("call", number, name, argument)
            return await answer
        finally:
            self._waiting.pop(number, None)

    def tell(self, name: str, argument: Any = None) -> None:
        """Say something that nobody answers; nothing when the other end is gone."""
        self._send("tell", 0, name, argument)

    def close(self) -> None:
        """End the conversation; whoever waits for an answer is refused."""
        if self._transport is not None:
            self._transport.close()
        self._end()

    # --- asyncio's calls ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Do what whole frames say, one after the other."""
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4])
            if size > _LARGEST:
                self.close()
                return
            if len(self._buffer) < 4 + size:
                return
            frame = bytes(memoryview(self._buffer)[4 : 4 + size])
            del self._buffer[: 4 + size]
            self._take(*orjson.loads(frame))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 how it was lost changes nothing
        """The other end is gone."""
        self._end()

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _send(self, kind: str, number: int, name: str, argument: Any) -> None:
        if self._transport is None or self.closed:
            return
        frame = orjson.dumps([kind, number, name, argument])
        self._transport.write(len(frame).to_bytes(4) + frame)

    def _take(self, kind: str, number: int, name: str, argument: Any) -> None:
        if kind in ("done", "fail"):
            waiting = self._waiting.get(number)
            if waiting is not None and not waiting.done():
                if kind == "done":
                    waiting.set_result(argument)
                else:
                    waiting.set_exception(_raised(name, argument))
            return
        try:
            result = self._handlers[name](argument)
        except Exception as fault:  # noqa: BLE001 it is the caller's
            self._answer(number, name, fault)
            return
        if isawaitable(result):
            task = asyncio.get_running_loop().create_task(self._finish(number, name, result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif number:
            self._send("done", number, "", result)

    async def _finish(self, number: int, name: str, result: Awaitable[Any]) -> None:
        try:
            answer = await result
        except Exception as fault:  # noqa: BLE001 as above
            self._answer(number, name, fault)
            return
        if number:
            self._send("done", number, "", answer)

    def _answer(self, number: int, name: str, fault: Exception) -> None:
        """Tell the caller what failed: our own words, never those of a library, which may quote a secret."""
        if not isinstance(fault, ExeatError):
            logger.error("%s failed", name, exc_info=fault)
        if not number:
            return
        if isinstance(fault, RefusalError):
            self._send("fail", number, fault.reason, fault.detail)
        else:
            self._send("fail", number, "", str(fault) if isinstance(fault, ExeatError) else type(fault).__name__)

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(UnavailableError("the other process is gone"))
        for task in self._tasks:
            task.cancel()
        self._gone()


def _raised(code: str, detail: str) -> ExeatError:
    return RefusalError(Reason(code), detail) if code else UnavailableError(detail)
