"""What Exeat's own HTTP/1 side makes of an agent's bytes, without a socket: each request that it would go on with."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from mitmproxy import http
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import commands, events, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseHeaders,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp

from exeat.config.settings import Settings
from exeat.decision.fields import UnfitError, check_trailers
from exeat.decision.normalize import normalize
from exeat.enforcement.lean import slim
from exeat.enforcement.options import LayerOptions
from exeat.enforcement.protocols.http1 import GovernedHttp1Server
from exeat.enforcement.refusal import render
from exeat.enforcement.translate import mark_head, wire_of
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest

slim()
_LIMITS = Settings().proxy.limits
_REGULAR = mode_specs.ProxyMode.parse("regular")


class Seen:
    """One request that Exeat's reader and ``normalize`` accept; ``body`` is None while its end hasn't come."""

    def __init__(self, wire: WireRequest, request: CanonicalRequest) -> None:
        self.wire = wire
        self.request = request
        self.parts: list[bytes] = []
        self.trailers: tuple[tuple[bytes, bytes], ...] = ()
        self.body: bytes | None = None


class Agent:
    """The agent's side of one connection inside a tunnel; every request is answered with an empty 200."""

    def __init__(self, tunnel: Tunnel) -> None:
        host = SimpleNamespace(
            parts=SimpleNamespace(limits=_LIMITS),
            head_pending=lambda: None,
            refuse_head=lambda detail: render(Deny(Reason.REQUEST_MALFORMED, detail=detail), "d_0", close=True),
        )
        client = Client(
            peername=("192.0.2.1", 1), sockname=("192.0.2.2", 1), timestamp_start=time.time(), proxy_mode=_REGULAR,
            state=ConnectionState.OPEN,
        )  # fmt: skip
        options: Any = LayerOptions(host, 1.0)
        self._tunnel = tunnel
        self._client = client
        self._server = GovernedHttp1Server(Context(client, options))
        self._open: Seen | None = None
        self.requests: list[Seen] = []
        self.sent = b""
        self.over = False
        self._handle(events.Start())

    def receive(self, pieces: Iterable[bytes]) -> list[Seen]:
        """Feed bytes as they come from a socket; return the requests accepted so far."""
        for piece in pieces:
            if piece and not self.over:
                self._handle(events.DataReceived(self._client, piece))
        return self.requests

    def _handle(self, event: Any) -> None:
        todo = [event]
        while todo and not self.over:
            for command in self._server.handle_event(todo.pop(0)):
                if isinstance(command, ReceiveHttp):
                    todo.extend(self._take(command.event))
                elif isinstance(command, commands.CloseConnection):
                    self.over = True
                elif isinstance(command, commands.SendData):
                    self.sent += command.data

    def _take(self, event: Any) -> list[Any]:
        if isinstance(event, RequestHeaders):
            mark_head(event.request, ends=event.end_stream)
            wire = wire_of(event.request, self._tunnel)
            request = normalize(wire)
            self.over = self.over or isinstance(request, Deny)  # the gate closes after a malformed head
            if isinstance(request, CanonicalRequest):
                self._open = Seen(wire, request)
                self.requests.append(self._open)
        elif isinstance(event, RequestProtocolError):
            self.over = True
        elif self._open is None:
            pass
        elif isinstance(event, RequestData):
            self._open.parts.append(event.data)
        elif isinstance(event, RequestTrailers):
            self._open.trailers = event.trailers.fields
            try:
                check_trailers(event.trailers.fields)
            except UnfitError:
                self.over = True
        elif isinstance(event, RequestEndOfMessage) and not self.over:
            self._open.body = b"".join(self._open.parts)
            response = http.Response(
                b"HTTP/1.1", 200, b"OK", http.Headers([(b"content-length", b"0")]), b"", None, 0, 0
            )
            return [ResponseHeaders(event.stream_id, response, False), ResponseEndOfMessage(event.stream_id)]
        return []
