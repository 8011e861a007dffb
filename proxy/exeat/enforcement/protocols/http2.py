"""HTTP/2 on both sides, within limits: floods end a connection, requests beyond an agent's number are refused unprocessed.

Must not know: policies, credentials, how much a limit is.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import h2.errors
import h2.events
import h2.exceptions
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import Http2Client, ResponseEndOfMessage, ResponseProtocolError
from mitmproxy.proxy.layers.http._http2 import Http2Server

from exeat.enforcement.limits.calm import CalmConnection
from exeat.enforcement.protocols.tellings import Room

Commands = Generator[commands.Command, Any, Any]
_CALM = int(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)


class GovernedHttp2Server(Http2Server):
    """The agent's side."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._host = context.options.host
        self.h2_conn: CalmConnection = CalmConnection(self.h2_conf, self._host.parts.limits)
        self._head_pending = False
        self._counted = 0

    def _handle_event(self, event: events.Event) -> Commands:
        yield from super()._handle_event(event)
        if isinstance(event, events.DataReceived):
            self._watch_head()
        elif isinstance(event, ResponseEndOfMessage | ResponseProtocolError) and self.is_closed(event.stream_id):
            self.streams.pop(event.stream_id, None)
        if len(self.streams) != self._counted:
            self._count()

    def _watch_head(self) -> None:
        """A header block must be complete in time, also on a connection that has long been open."""
        pending = self.h2_conn.head_pending
        if pending:
            self._host.head_pending()
        elif self._head_pending:
            self._host.head_complete()
        self._head_pending = pending

    def _count(self) -> int:
        self._counted = len(self.streams)
        total: int = self._host.parts.quotas.streams(self._host, self._counted)
        return total

    def handle_h2_event(self, event: h2.events.Event) -> Commands:
        """As mitmproxy's; one request too many is refused as not processed (RFC 9113 §8.7), so that clients repeat it."""
        if isinstance(event, h2.exceptions.ProtocolError):
            yield from self.protocol_error(f"HTTP/2: {event}", event.error_code)
            return True
        if isinstance(event, h2.events.RequestReceived) and self._count() >= self._host.parts.limits.agent_streams:
            self.h2_conn.reset_stream(event.stream_id, int(h2.errors.ErrorCodes.REFUSED_STREAM))
            return False
        return (yield from super().handle_h2_event(event))

    def protocol_error(self, message: str, error_code: int = h2.errors.ErrorCodes.PROTOCOL_ERROR) -> Commands:
        """As mitmproxy's, written down."""
        self._host.refuse_head(message)
        yield from super().protocol_error(message, error_code)


class _Ended(dict[int, int]):
    """What comes late for a stream that is forgotten, is for stream 0, which nobody has."""

    def __missing__(self, ours: int) -> int:
        return 0


class GovernedHttp2Client(Http2Client):
    """An origin's side."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn: CalmConnection = CalmConnection(self.h2_conf, context.options.host.parts.limits)
        self.h2_conn.local_settings.enable_push = 0
        self.h2_conn.local_settings.acknowledge()
        self._interim: dict[int, int] = {}
        self.their_stream_id = _Ended()

    def _handle_event(self, event: events.Event) -> Commands:
        if not isinstance(event, Room):
            yield from super()._handle_event(event)
        elif data := self.h2_conn.settle():
            yield commands.SendData(self.conn, data)

    def handle_h2_event(self, event: h2.events.Event) -> Commands:
        """As mitmproxy's, with as many interim answers as there may be."""
        if isinstance(event, h2.exceptions.ProtocolError):
            yield from self.protocol_error(f"HTTP/2: {event}", event.error_code)
            return True
        if isinstance(event, h2.events.InformationalResponseReceived):
            count = self._interim[event.stream_id] = self._interim.get(event.stream_id, 0) + 1
            if count > self.h2_conn.limits.interim_answers:
                yield from self.protocol_error("too many interim answers", _CALM)
                return True
        elif isinstance(event, h2.events.ResponseReceived | h2.events.StreamReset):
            self._interim.pop(event.stream_id, None)
        return (yield from super().handle_h2_event(event))

    def kept(self, stream_id: int) -> int:
        """Bytes of an agent's stream that wait for the origin."""
        ours = self.our_stream_id.get(stream_id)
        if ours is not None:
            return self.h2_conn.kept.get(ours, 0)
        return sum(len(getattr(event, "data", b"")) for event in self.stream_queue.get(stream_id, ()))

    def theirs(self, ours: int) -> int:
        """The agent's stream that one of this connection serves; 0 when it has ended."""
        return self.their_stream_id[ours]

    def forget(self, stream_id: int) -> None:
        """An agent's stream has ended: a connection that lives for days must not remember all there ever were."""
        ours = self.our_stream_id.pop(stream_id, None)
        if ours is not None:
            self.their_stream_id.pop(ours, None)
