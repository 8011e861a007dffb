"""HTTP/2 for the origin, on the sans-IO h2 library."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from rig.seen import SeenRequest

if TYPE_CHECKING:
    from rig.origin import Link, Origin


class H2Reply:
    """Writes one response on one stream, within the windows the client grants."""

    def __init__(self, server: H2Server, stream: int, method: str) -> None:
        self._server, self._stream, self._head_only = server, stream, method == "HEAD"

    async def start(self, status: int, headers: list[tuple[str, str]], length: int | None = None) -> None:
        fields = [(":status", str(status)), *headers]
        if length is not None:
            fields.append(("content-length", str(length)))
        self._server.check(self._stream)
        self._server.h2.send_headers(self._stream, fields, end_stream=self._head_only)
        await self._server.flush()

    async def write(self, data: bytes) -> None:
        view = b"" if self._head_only else data
        while view:
            self._server.check(self._stream)
            room = min(
                self._server.h2.local_flow_control_window(self._stream),
                self._server.h2.max_outbound_frame_size,
                len(view),
            )
            if room <= 0:
                await self._server.window_opened()
                continue
            self._server.h2.send_data(self._stream, view[:room])
            view = view[room:]
            await self._server.flush()

    async def finish(self, trailers: tuple[tuple[str, str], ...] = ()) -> None:
        if not self._head_only:
            self._server.check(self._stream)
            if trailers:
                self._server.h2.send_headers(self._stream, list(trailers), end_stream=True)
            else:
                self._server.h2.end_stream(self._stream)
            await self._server.flush()

    async def raw(self, data: bytes) -> None:
        await self._server.link.send(data)

    def abort(self) -> None:
        self._server.link.close()


class H2Server:
    """One connection and its streams."""

    def __init__(self, link: Link, origin: Origin) -> None:
        self.link, self._origin = link, origin
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="latin-1", validate_inbound_headers=False)
        )
        self._streams: dict[int, SeenRequest] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._gone: set[int] = set()
        self._window = asyncio.Event()

    def check(self, stream: int) -> None:
        """Raise when a stream can't be written to any more."""
        if stream in self._gone or self.link.closed:
            raise ConnectionError("the stream was reset")

    async def window_opened(self) -> None:
        """Wait until the client grants room, or has gone."""
        self._window.clear()
        await self._window.wait()

    async def flush(self) -> None:
        """Send what h2 has prepared."""
        if data := self.h2.data_to_send():
            await self.link.send(data)

    async def serve(self) -> None:
        """Answer streams until the client goes."""
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1024 * 1024})
        self.h2.increment_flow_control_window(16 * 1024 * 1024)
        await self.flush()
        try:
            while data := await self.link.recv():
                try:
                    events = self.h2.receive_data(data)
                except h2.exceptions.ProtocolError as error:
                    self.link.seen.error = repr(error)
                    await self.flush()
                    return
                for event in events:
                    self._handle(event)
                await self.flush()
        finally:
            for stream in self._tasks:
                self._cut(stream)
            self._window.set()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            pseudo = {key: value for key, value in event.headers if key.startswith(":")}
            seen = SeenRequest(
                self.link.seen, pseudo.get(":method", ""), pseudo.get(":path", ""), "HTTP/2",
                [(key, value) for key, value in event.headers if not key.startswith(":")],
                authority=pseudo.get(":authority", ""), stream=event.stream_id,
            )  # fmt: skip
            self._streams[event.stream_id] = seen
            self._origin.requests.append(seen)
        elif isinstance(event, h2.events.DataReceived):
            self._streams[event.stream_id].take(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self._streams[event.stream_id].trailers.extend(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            seen = self._streams[event.stream_id]
            seen.complete = True
            self._tasks[event.stream_id] = asyncio.create_task(self._answer(seen))
        elif isinstance(event, h2.events.StreamReset):
            self._cut(event.stream_id)
            self._window.set()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._window.set()

    def _cut(self, stream: int) -> None:
        self._gone.add(stream)
        seen, task = self._streams.get(stream), self._tasks.get(stream)
        if seen is not None and seen.cut_at is None and not (task is not None and task.done()):
            seen.cut_at = time.monotonic()

    async def _answer(self, seen: SeenRequest) -> None:
        with suppress(ConnectionError, h2.exceptions.ProtocolError):
            await self._origin.answer(seen, H2Reply(self, seen.stream, seen.method))
