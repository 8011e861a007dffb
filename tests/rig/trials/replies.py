"""What the counting origin answers: just enough of HTTP/1.1, HTTP/2 and WebSocket to keep each kind of traffic going.

Must not know: sockets, TLS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Message, Request, TextMessage

Send = Callable[[bytes], None]
Later = Callable[[float, Callable[[], None]], None]

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = b"data: tick\n\n"
_TICK = 0.01


class Talk(Protocol):
    """One connection's conversation."""

    def received(self, data: bytes) -> None:
        """Take decrypted bytes."""


class Http1:
    """Answers each request head by its path; an upload is swallowed and never answered."""

    def __init__(self, send: Send, later: Later) -> None:
        self._send, self._later = send, later
        self._head = b""
        self._rest: Callable[[bytes], None] | None = None

    def received(self, data: bytes) -> None:
        if self._rest is not None:
            self._rest(data)
            return
        self._head += data
        while b"\r\n\r\n" in self._head and self._rest is None:
            head, _, self._head = self._head.partition(b"\r\n\r\n")
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/upload"):
            self._rest = lambda _: None
        elif path.startswith(b"/sse"):
            self._send(_SSE)
            self._tick()
        elif re.search(rb"(?i)\r\nupgrade: *websocket", head):
            self._rest = WebSocket(self._send, head + b"\r\n\r\n").received
        else:
            self._send(_OK)

    def _tick(self) -> None:
        self._send(b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT))
        self._later(_TICK, self._tick)


class WebSocket:
    """Echoes messages."""

    def __init__(self, send: Send, head: bytes) -> None:
        self._send, self._end = send, WSConnection(ConnectionType.SERVER)
        self.received(head)

    def received(self, data: bytes) -> None:
        self._end.receive_data(data)
        for event in self._end.events():
            if isinstance(event, Request):
                self._send(self._end.send(AcceptConnection(extensions=[])))
            elif isinstance(event, Message):
                self._send(self._end.send(TextMessage("echo")))


class Http2:
    """Answers each stream when it has ended; reads bodies as fast as they come."""

    def __init__(self, send: Send, _: Later) -> None:
        self._send = send
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._send(self._h2.data_to_send())

    def received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
        except h2.exceptions.ProtocolError:
            pass
        self._send(self._h2.data_to_send())

    def _handle(self, event: Any) -> None:
        if isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._h2.send_headers(event.stream_id, [(":status", "200"), ("content-length", "2")])
            self._h2.send_data(event.stream_id, b"ok", end_stream=True)
