"""What one agent connection has under way, kept in bounded memory: who doesn't read, stops the one who sends to him.

A sender over HTTP/2 is stopped by granting its stream no more room, one over HTTP/1 by not reading its socket; other streams
of the same connection go on. Must not know: what is sent, who may.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpStream, RequestData

from exeat.enforcement.protocols.http1 import GovernedHttp1Server
from exeat.enforcement.protocols.http2 import GovernedHttp2Client, GovernedHttp2Server

Commands = Generator[commands.Command, Any, Any]

_HIGH = 64 * 1024
"""Bytes waiting for one peer from which on its sender is stopped: as many as a socket's buffer of ours holds."""
_PIECE = 4096
"""Smaller pieces are joined while they wait."""


class Balance:
    """Watches the streams of one agent connection. ``speakers`` are the HTTP layers by their connection."""

    def __init__(self, context: Context, streams: Mapping[int, HttpStream]) -> None:
        self._client = context.client
        self._host = context.options.host
        self._streams = streams
        self._server: Layer | None = None
        self._origins: dict[Connection, GovernedHttp2Client] = {}
        self._held: set[Connection] = set()
        self._kept = 0

    def agent(self, layer: Layer) -> None:
        """Note what speaks with the agent."""
        self._server = layer
        if isinstance(layer, GovernedHttp2Server):
            layer.h2_conn.full = self._is_upload_full

    def origin(self, connection: Connection, layer: Layer) -> None:
        """Note what speaks with an origin."""
        if isinstance(layer, GovernedHttp2Client):
            self._origins[connection] = layer
            layer.h2_conn.full = lambda ours: self._waiting_for_agent(layer.theirs(ours)) >= _HIGH

    def ended(self, stream_id: int) -> None:
        """Forget a stream of the agent."""
        for origin in self._origins.values():
            origin.forget(stream_id)

    def gone(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._origins.pop(connection, None)

    def join(self, stream: Layer, event: RequestData) -> bool:
        """Join a piece of a body to the one before it, where both wait for their stream; False when it has to be passed."""
        waiting = stream._paused_event_queue  # noqa: SLF001 mitmproxy has no public name for it
        if not stream._paused or not waiting:  # noqa: SLF001
            return False
        last = waiting[-1]
        if type(last) is not RequestData or len(last.data) + len(event.data) > _PIECE:
            return False
        last.data += event.data
        return True

    def settle(self) -> Commands:
        """After each event: stop and let go on who has to be, and say how much is kept."""
        held: set[Connection] = set()
        server = self._server
        if isinstance(server, GovernedHttp2Server):
            kept = server.h2_conn.kept
            for stream_id in kept:
                stream = self._streams.get(stream_id)
                if stream is not None and kept[stream_id] >= _HIGH and stream.context.server not in self._origins:
                    held.add(stream.context.server)
            if server.h2_conn.owed and (data := server.h2_conn.settle()):
                yield commands.SendData(self._client, data)
            size = sum(kept.values()) + sum(server.h2_conn.owed.values())
        elif isinstance(server, GovernedHttp1Server):
            size = len(server.buf) + max((self._waiting_for_origin(each) for each in self._streams), default=0)
            if size > self._host.parts.limits.header_bytes + _HIGH:
                held.add(self._client)
        else:
            size = 0
        if held != self._held:
            self._hold(held)
        if size != self._kept:
            self._kept = size
            self._host.parts.quotas.keeps(self._host, size, self._host.parts.limits)

    def to_grant(self) -> list[Connection]:
        """Origins that can be granted room again; their own layers do it."""
        return [each for each, origin in self._origins.items() if each.connected and origin.h2_conn.may_settle()]

    def _hold(self, held: set[Connection]) -> None:
        for connection in held - self._held:
            self._host.hold(connection)
        for connection in self._held - held:
            self._host.let_go(connection)
        self._held = held

    def _waiting_for_agent(self, stream_id: int) -> int:
        server = self._server
        return server.h2_conn.kept.get(stream_id, 0) if isinstance(server, GovernedHttp2Server) else 0

    def _waiting_for_origin(self, stream_id: int) -> int:
        stream = self._streams.get(stream_id)
        if stream is None:
            return 0
        waiting = stream._paused_event_queue  # noqa: SLF001
        size = sum(len(event.data) for event in waiting if type(event) is RequestData)
        origin = self._origins.get(stream.context.server)
        return size if origin is None else size + origin.kept(stream_id)

    def _is_upload_full(self, stream_id: int) -> bool:
        return self._waiting_for_origin(stream_id) >= _HIGH
