"""WebSocket after its handshake: frames relayed as they come, both ways, counted, and without our token.

Nothing is buffered beyond a frame's own pieces, so a message of any size passes in flat memory. Extensions were left out of
the handshake, so payloads are in the clear. Must not know: who decided on the handshake.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import wsproto.events as ws
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from wsproto.connection import Connection as WebsocketEnd
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from exeat.enforcement.answers.forms import Needles
from exeat.enforcement.answers.scrub import Scrubber
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.known_values import LeakError
from exeat.enforcement.protocols.metering import pay, why_cut

Commands = Generator[commands.Command, Any, Any]


class GovernedWebsocket(Layer):
    """Two WebSocket endpoints back to back (RFC 6455): a server towards the agent, a client towards the origin."""

    def __init__(self, context: Context, exchange: Exchange, needles: Needles) -> None:
        super().__init__(context)
        self._exchange = exchange
        self._needles = needles
        self._scrubber = Scrubber(needles)
        self._over = False
        self._ends = {
            context.client: WebsocketEnd(ConnectionType.SERVER),
            context.server: WebsocketEnd(ConnectionType.CLIENT),
        }

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            return
        if not isinstance(event, events.DataReceived | events.ConnectionClosed):
            raise TypeError(f"a WebSocket has no {type(event).__name__}")
        source = event.connection
        target = self.context.server if source is self.context.client else self.context.client
        try:
            self._ends[source].receive_data(event.data if isinstance(event, events.DataReceived) else None)
            for frame in self._ends[source].events():
                yield from self._relay(frame, source, target)
                if self._over:
                    return
        except (RemoteProtocolError, LocalProtocolError):
            yield from self._finish(ws.CloseConnection(1002))

    def _relay(self, frame: ws.Event, source: Connection, target: Connection) -> Commands:
        if isinstance(frame, ws.CloseConnection):
            yield from self._finish(ws.CloseConnection(frame.code, self._masked_reason(frame, source)))
        elif isinstance(frame, ws.TextMessage | ws.BytesMessage):
            data = frame.data.encode() if isinstance(frame, ws.TextMessage) else bytes(frame.data)
            if (yield from self._afford(data, source)):
                yield from self._pass(frame, data, from_agent=source is self.context.client, target=target)
        elif isinstance(frame, ws.Ping | ws.Pong):
            payload = bytes(frame.payload)
            if not (yield from self._afford(payload, source)):
                return
            meter = self._exchange.meter
            if meter is not None and not meter.spend(len(payload)):
                raise PermissionError("not paid for")
            if source is self.context.server:
                payload = self._needles.mask(payload)
            yield from self._send(target, type(frame)(payload))

    def _masked_reason(self, frame: ws.CloseConnection, source: Connection) -> str | None:
        if not frame.reason or source is self.context.client:
            return frame.reason
        return self._needles.mask(frame.reason.encode()).decode("utf-8", "replace")

    def _afford(self, data: bytes, source: Connection) -> Generator[commands.Command, Any, bool]:
        """Whether the mission's budget covers a piece; where it doesn't, both ends are closed (RFC 6455 §7.4.1, 1008)."""
        host = self.context.options.host
        if (yield from pay(host, self._exchange, len(data), source)) == len(data):
            return True
        reason, detail, _ = why_cut(self._exchange)
        host.parts.gate.finish(self._exchange, 101, reason, detail)
        yield from self._finish(ws.CloseConnection(1008, str(reason)))
        return False

    def _pass(
        self, frame: ws.TextMessage | ws.BytesMessage, data: bytes, *, from_agent: bool, target: Connection
    ) -> Commands:
        text = isinstance(frame, ws.TextMessage)
        if from_agent:
            try:
                data = self._exchange.count_sent(data)
                if frame.message_finished:
                    data += self._exchange.count_sent(b"")
            except LeakError as leak:
                yield from self._stop(leak)
                return
        else:
            meter = self._exchange.meter
            if meter is not None and not meter.spend(len(data)):
                raise PermissionError("not paid for")
            self._exchange.received += len(data)
            if self._needles:
                data = self._scrubber.feed(data)
                if frame.message_finished:
                    data += self._scrubber.feed(b"")
        if not text:
            message: ws.Event = ws.BytesMessage(data, frame.frame_finished, frame.message_finished)
        else:
            message = ws.TextMessage(data.decode("utf-8", "replace"), frame.frame_finished, frame.message_finished)
        yield from self._send(target, message)

    def _send(self, target: Connection, frame: ws.Event) -> Commands:
        end = self._ends[target]
        if end.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            yield commands.SendData(target, end.send(frame))

    def _finish(self, frame: ws.CloseConnection) -> Commands:
        """Close both ends with the same code, and settle the account: a handshake is one request with one outcome."""
        for connection in (self.context.server, self.context.client):
            yield from self._send(connection, frame)
            yield commands.CloseConnection(connection)
        self._over = True
        self.context.options.host.finish(self._exchange, 101)
        self._handle_event = self._done  # type: ignore[method-assign,assignment]

    def _stop(self, leak: LeakError) -> Commands:
        """Close the agent's end with a policy violation; nothing more goes to the origin, not even a farewell."""
        host = self.context.options.host
        yield from self._send(self.context.client, ws.CloseConnection(1008))
        for connection in (self.context.server, self.context.client):
            yield commands.CloseConnection(connection)
        host.parts.gate.fail(self._exchange, leak.verdict.reason, leak.verdict.detail)
        self._handle_event = self._done  # type: ignore[method-assign,assignment]

    def _done(self, _event: events.Event) -> Commands:
        """Whatever still arrives is nobody's."""
        yield from ()
