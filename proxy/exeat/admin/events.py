"""``GET /v1/events``: records as they are written, as Server-Sent Events.

One thread follows the audit log while anybody listens. Each listener has a queue of its own that doesn't grow: who is too
slow loses records and is told how many. Must not know: where the log lies, who may listen (``guard``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import final

import orjson
from aiohttp import web

from exeat.admin.call import Call
from exeat.admin.roles import Permission
from exeat.admin.route import Route, get
from exeat.errors import UnavailableError
from exeat.model.record import Record, RecordKind

_log = logging.getLogger(__name__)

_KINDS = frozenset({RecordKind.DECISION, RecordKind.OUTCOME, RecordKind.MISSION, RecordKind.ALERT})
_QUEUE = 500
"""Records a listener may be behind."""
_BEHIND = 10_000
"""Records the loop may be behind; then they are only counted."""
_LISTENERS = 32
_LOOK = 1.0
"""Seconds after which a listener that left without a word is noticed."""
_STILL = 2.0
"""Seconds after which a token or a session that has ended ends the stream too."""
_QUIET = 15.0
"""Seconds after which a comment is sent, for whatever lies between and ends quiet connections."""


@final
class Listener:
    """One listener's records, newest last. Used on the loop alone."""

    def __init__(self) -> None:
        self.waiting: deque[Record] = deque()
        self.dropped = 0
        self.ended = False
        self.awake = asyncio.Event()

    def give(self, record: Record | None) -> None:
        """Queue a record, or count it as dropped; None was dropped before."""
        if record is None or len(self.waiting) >= _QUEUE:
            self.dropped += 1
        else:
            self.waiting.append(record)
        self.awake.set()

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self.awake.set()

    def take(self) -> bytes:
        """Everything there is, written as events; what was dropped is said last, when it was."""
        text = b"".join(map(_event, self.waiting))
        self.waiting.clear()
        if self.dropped:
            text += b'event: dropped\ndata: {"dropped":%d}\n\n' % self.dropped
            self.dropped = 0
        return text


@final
class Events:
    """Hands records to everybody who listens; ``follow`` yields them, in a thread, until its event is set."""

    def __init__(self, follow: Callable[[threading.Event], Iterator[Record]]) -> None:
        self._follow = follow
        self._listeners: set[Listener] = set()
        self._stop: threading.Event | None = None

    def routes(self) -> list[Route]:
        """Return the route."""
        summary = "Decisions, outcomes and changes of missions as they are recorded (Server-Sent Events)"
        return [get("/v1/events", self.events, Permission.READ, summary, media="text/event-stream")]

    async def events(self, call: Call) -> web.StreamResponse:
        """Send records until the caller goes or may not listen any more, or the process ends."""
        if len(self._listeners) >= _LISTENERS:
            raise UnavailableError(f"{_LISTENERS} listeners are the most")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        listener, loop = Listener(), asyncio.get_running_loop()
        self._add(listener)
        try:
            await response.prepare(call.request)
            await response.write(b": exeat\n\n")
            written = asked = loop.time()
            while not listener.ended and call.request.transport is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await listener.awake.wait()
                listener.awake.clear()
                if loop.time() - asked > _STILL:
                    asked = loop.time()
                    if not await call.still():
                        break  # the token was taken back, or the session is over
                text = listener.take()
                if text or loop.time() - written > _QUIET:
                    await response.write(text or b": quiet\n\n")
                    written = loop.time()
        except ConnectionError:
            pass  # gone; nobody is left to tell
        finally:
            self._remove(listener)
        return response

    async def end(self, _app: web.Application) -> None:
        """Let every listener go, at the end of the process."""
        for listener in tuple(self._listeners):
            listener.end()

    def _add(self, listener: Listener) -> None:
        self._listeners.add(listener)
        if self._stop is None:
            self._stop = threading.Event()
            arguments = (self._stop, asyncio.get_running_loop())
            threading.Thread(target=self._run, args=arguments, name="exeat-events", daemon=True).start()

    def _remove(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._stop is not None:
            self._stop.set()
            self._stop = None

    def _run(self, stop: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: many records cost the loop one call."""
        gathered: deque[Record | None] = deque()
        scheduled = threading.Event()

        def hand_over() -> None:
            scheduled.clear()
            while gathered:
                record = gathered.popleft()
                for listener in self._listeners:
                    listener.give(record)

        try:
            for record in self._follow(stop):
                if record.get("kind") not in _KINDS:
                    continue
                gathered.append(record if len(gathered) < _BEHIND else None)
                if not scheduled.is_set():
                    scheduled.set()
                    loop.call_soon_threadsafe(hand_over)
        except Exception:  # noqa: BLE001 whatever it was, listeners hear that nothing more comes
            if not stop.is_set():
                _log.exception("the audit log can't be followed")
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(self._over, stop)

    def _over(self, stop: threading.Event) -> None:
        if self._stop is stop:
            self._stop = None
            for listener in self._listeners:
                listener.end()


def _event(record: Record) -> bytes:
    """One event; JSON in one line holds no line break that could end it early."""
    kind = str(record["kind"])
    return b"event: %b\ndata: %b\n\n" % (kind.encode("ascii", "replace"), orjson.dumps(record))
