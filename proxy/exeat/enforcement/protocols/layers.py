"""One agent connection's HTTP: its streams, and origin connections nobody else shares.

An HTTP/1 origin's connection serves one stream of an HTTP/2 agent after the other. Must not know: policies, credentials.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from typing import Any, cast

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RegisterHttpConnection,
    RequestData,
    RequestHeaders,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.tls import ServerTLSLayer

from exeat.enforcement.limits.balance import Balance
from exeat.enforcement.protocols.http1 import GovernedHttp1Client, GovernedHttp1Server
from exeat.enforcement.protocols.http2 import GovernedHttp2Client, GovernedHttp2Server
from exeat.enforcement.protocols.streams import GovernedStream
from exeat.enforcement.protocols.tellings import LateBody, Room
from exeat.enforcement.translate import STAMP

Commands = Generator[commands.Command, Any, Any]

_HTTP1_CONNECTIONS = 16
"""To one HTTP/1 origin for one HTTP/2 agent; further streams wait. Browsers use 6, proxies a few dozen."""


class GovernedClient(Layer):
    """Opens one connection to an origin and speaks what the handshake settled."""

    def __init__(self, context: Context, balance: Balance) -> None:
        super().__init__(context)
        self.balance = balance

    def _handle_event(self, event: events.Event) -> Commands:
        error = yield commands.OpenConnection(self.context.server)
        if not error:
            http2 = self.context.server.alpn == b"h2"
            child: Layer = (GovernedHttp2Client if http2 else GovernedHttp1Client)(self.context)
            self.balance.origin(self.context.server, child)
            self._handle_event = child.handle_event  # type: ignore[method-assign]
            yield from child.handle_event(event)
        yield RegisterHttpConnection(self.context.server, error)


def _fork(context: Context) -> Context:
    """As ``context.fork()``, without making a server's record to throw it away."""
    forked = object.__new__(Context)
    forked.client, forked.server, forked.options = context.client, context.server, context.options
    forked.layers = context.layers.copy()
    return forked


class GovernedHttp(HttpLayer):
    """HTTP on one agent connection, with its own connections to origins that nobody else shares."""

    def __init__(self, context: Context, mode: HTTPMode) -> None:
        super().__init__(context, mode)
        self._taken: dict[Connection, int] = {}
        self._queue: deque[GetHttpConnection] = deque()
        self._balance = Balance(context, self.streams)

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, LateBody):
            if (stream := self.streams.get(event.stream_id)) is not None:
                yield from self.event_to_child(stream, event)
            return
        if isinstance(event, events.Start):
            agent = GovernedHttp2Server if self.context.client.alpn == b"h2" else GovernedHttp1Server
            self.connections[self.context.client] = agent(self.context.fork())
            self._balance.agent(self.connections[self.context.client])
        yield from super()._handle_event(event)
        if self._taken:
            yield from self._release()
        yield from self._balance.settle()
        for connection in self._balance.to_grant():
            yield from self.event_to_child(self.connections[connection], Room())

    def event_to_child(self, child: Layer | HttpStream, event: events.Event) -> Commands:
        """As mitmproxy's, asking first for what comes most often."""
        command: Any
        for command in child.handle_event(event):
            kind = type(command)
            if kind is SendHttp:
                yield from self.event_to_child(self.connections[command.connection], command.event)
            elif kind is ReceiveHttp:
                if type(command.event) is RequestHeaders:
                    yield from self.make_stream(command.event.stream_id)
                stream = self.streams.get(command.event.stream_id)
                if stream is None:  # it has ended already
                    continue
                if type(command.event) is RequestData and self._balance.join(stream, command.event):
                    continue
                yield from self.event_to_child(stream, command.event)
            elif kind is commands.SendData:
                yield command
            elif isinstance(command, commands.StartHook) and command.blocking and type(child) is GovernedStream:
                host = self.context.options.host
                if not host.dead and host.run_now(command):
                    yield from self.event_to_child(child, events.HookCompleted(command))
                else:
                    self.command_sources[command] = child  # told later, or never: the connection is over
            else:
                yield from self._carry(child, command)

    def _carry(self, child: Layer | HttpStream, command: Any) -> Commands:
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self.command_sources[command] = child
        if isinstance(command, DropStream):
            self.streams.pop(command.stream_id, None)
            self._balance.ended(command.stream_id)
        elif isinstance(command, GetHttpConnection):
            yield from self.get_connection(command)
        elif isinstance(command, RegisterHttpConnection):
            yield from self.register_connection(command)
        else:
            if isinstance(command, commands.OpenConnection):
                self.connections[command.connection] = child
            yield command

    def make_stream(self, stream_id: int) -> Commands:
        """Start a stream of ours."""
        self.streams[stream_id] = GovernedStream(_fork(self.context), stream_id, self.streams)
        yield from self.event_to_child(self.streams[stream_id], events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:  # noqa: ARG002 mitmproxy's signature
        """Reply with a connection that is open and free, or wait for one that is opening, or open one."""
        self._forget_the_gone()
        count = 0
        for connection in self._leading_to(event):
            count += 1
            if connection in self.waiting_for_establishment:
                self.waiting_for_establishment[connection].append(event)
                return
            if connection.connected and self._take(connection, event):
                yield from self._reply(event, connection, None)
                return
        if count >= _HTTP1_CONNECTIONS:
            self._queue.append(event)
        else:
            yield from self._connect(event)

    def register_connection(self, command: RegisterHttpConnection) -> Commands:
        """Give an opened connection, or the error, to whoever waits for it; who finds it taken asks again."""
        for event in self.waiting_for_establishment.pop(command.connection):
            if command.err is not None:
                yield from self._reply(event, None, command.err)
            elif self._take(command.connection, event):
                yield from self._reply(event, command.connection, None)
            else:
                yield from self.get_connection(event)

    def _connect(self, event: GetHttpConnection) -> Commands:
        context = self.context.fork()
        context.server = Server(address=event.address, transport_protocol="tcp")
        self.context.options.host.certificates.give(context.server, self._certificate(event))
        stack = tunnel.LayerStack()
        if event.tls:
            context.server.sni = event.address[0]
            stack /= ServerTLSLayer(context)
        stack /= GovernedClient(context, self._balance)
        self.connections[context.server] = stack[0]
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _reply(self, event: GetHttpConnection, connection: Connection | None, error: str | None) -> Commands:
        stream = self.command_sources.pop(event)
        yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, cast("Any", (connection, error))))

    def _take(self, connection: Connection, event: GetHttpConnection) -> bool:
        """HTTP/2 serves many streams at once; HTTP/1 one after the other, which an HTTP/1 agent does by itself."""
        if connection.alpn == b"h2" or self.context.client.alpn != b"h2":
            return True
        if connection in self._taken:
            return False
        self._taken[connection] = cast("HttpStream", self.command_sources[event]).stream_id
        return True

    def _release(self) -> Commands:
        """Free what ended streams held, and serve who waits for it."""
        for connection, stream_id in list(self._taken.items()):
            if stream_id not in self.streams:
                del self._taken[connection]
        for _ in range(len(self._queue)):
            yield from self.get_connection(self._queue.popleft())

    def _leading_to(self, event: GetHttpConnection) -> Iterator[Server]:
        fits = self.context.options.host.certificates.fits
        for connection in list(self.connections):
            if event.connection_spec_matches(connection) and fits(connection, self._certificate(event)):
                yield cast("Server", connection)

    def _certificate(self, event: GetHttpConnection) -> Any:
        """What the request behind it shows in the handshake, or None."""
        return cast("HttpStream", self.command_sources[event]).flow.metadata[STAMP].certificate

    def _forget_the_gone(self) -> None:
        """Drop connections that failed or are closed, so that the next request tries anew."""
        for connection in [known for known in self.connections if isinstance(known, Server)]:
            gone = connection.error or (connection.timestamp_start and not connection.connected)
            if gone and connection not in self.waiting_for_establishment:
                del self.connections[connection]
                self._taken.pop(connection, None)
                self._balance.gone(connection)
