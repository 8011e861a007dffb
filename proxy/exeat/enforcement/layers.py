"""mitmproxy's HTTP layers with our rules where they are laxer than we need.

Three differences: a request head is checked byte by byte before it is parsed; a refusal is answered at once and the rest
of the body thrown away instead of buffered; the stamp is asked once more right before the first byte leaves. Must not
know: policies, credentials.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from typing import Any, cast

from mitmproxy.connection import Connection, Server
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    HttpLayer,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Server

from exeat.enforcement.exchange import Exchange
from exeat.enforcement.translate import STAMP, mark_end, mark_target, response_of
from exeat.model.reason import Reason

Commands = Generator[commands.Command, Any, Any]

# RFC 9112 §2.2 to §5: CRLF line ends, single spaces, token names, no folding, no bare CR, no NUL, nothing before.
_HEAD = re.compile(
    rb"(?P<method>[A-Z]{1,32}) (?P<target>[\x21-\x7e]+) HTTP/1\.[01]\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_LARGEST_CHUNK = 2**32
_END = b"\r\n\r\n"


class GovernedHttp1Server(Http1Server):
    """The agent's side of HTTP/1: strict heads of bounded size."""

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """Refuse a malformed or oversized head before anything parses it; remember its target as it was sent."""
        if not isinstance(event, events.DataReceived):
            yield from super().read_headers(event)
            return
        host = self.context.options.host
        received = bytes(self.buf)
        if not received:
            return
        end = received.find(_END)
        limits = host.parts.limits
        if end < 0 or end > limits.header_bytes:
            # The first bytes already tell whether this can become a head: garbage isn't waited for.
            if len(received) > limits.header_bytes:
                yield from self._refuse("the request head is too large")
            elif not (received[:1].isalpha() and received[:1].isupper()) or b"\n" in received.replace(b"\r\n", b""):
                yield from self._refuse("the request head is malformed")
            else:
                host.head_pending()
            return
        match = _HEAD.fullmatch(received, 0, end + len(_END))
        if match is None or received.count(b"\r\n", 0, end) > limits.header_count:
            yield from self._refuse("the request head is malformed" if match is None else "too many header fields")
            return
        for command in super().read_headers(event):
            if isinstance(command, ReceiveHttp) and isinstance(command.event, RequestHeaders):
                mark_target(command.event.request, match["target"])
            elif isinstance(command, commands.SendData) and command.data.startswith(b"HTTP/1.1 400"):
                # mitmproxy's own page for a head it can't frame; ours says it in the form callers read.
                yield from self._refuse("the request is ambiguously framed")
                return
            yield command

    def read_body(self, event: events.Event) -> Commands:
        """As mitmproxy's, but what it can't carry ends the request instead of crashing the layer.

        Trailers could name what the head may not (matrix S07), and chunks of absurd size are smuggling (matrix S04).
        """
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(
                RequestProtocolError(self.stream_id, "trailers in a request", ErrorCode.GENERIC_CLIENT_ERROR)
            )
            return
        if getattr(self.body_reader, "_bytes_in_chunk", 0) > _LARGEST_CHUNK:
            raise ConnectionError("an absurd chunk size")

    def _refuse(self, detail: str) -> Commands:
        refusal = self.context.options.host.refuse_head(detail)
        response = response_of(refusal)
        response.headers["connection"] = "close"
        yield commands.SendData(self.conn, http1.assemble_response_head(response) + refusal.body)
        yield commands.CloseConnection(self.conn)
        self.state = self.done


class GovernedStream(HttpStream):
    """One request and its answer."""

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        """As mitmproxy's, but a refusal is answered now."""
        mark_end(event.request, ends=event.end_stream)
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_consume_request_body and self.flow.response is not None:
            yield from self._answer()

    def state_consume_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        """As mitmproxy's, but what is kept for a decision is bounded."""
        host = self.context.options.host
        if isinstance(event, RequestData) and (
            len(self.request_body_buf) + len(event.data) > host.parts.limits.inspected_body
        ):
            self.request_body_buf.clear()
            self.flow.response = response_of(host.refuse_head("the body is too large to be judged"))
            yield from self._answer()
            return
        yield from super().state_consume_request_body(event)

    def _answer(self) -> Commands:
        """Send the response that stands in the flow; whatever the client still sends is thrown away."""
        if self.client_state != self.state_done:
            self.client_state = self.state_discard_request_body
        response = self.flow.response
        if response is not None:
            response.timestamp_start = time.time()
        yield from self.send_response()

    def state_discard_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        """Wait for the end of a request that is already answered."""
        if isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            if self.server_state == self.state_done:
                yield from self.flow_done()

    def start_request_stream(self) -> Commands:
        """Open the way and send the head; the body follows as it comes."""
        if not (yield from self.make_server_connection()):
            return
        yield SendHttp(RequestHeaders(self.stream_id, self.flow.request, end_stream=False), self.context.server)
        self.client_state = self.state_stream_request_body

    def make_server_connection(self) -> Commands:
        """Get a connection, then ask for the stamp once more; on any failure answer with its reason."""
        host = self.context.options.host
        exchange = self.flow.metadata.get(STAMP)
        if not isinstance(exchange, Exchange):
            raise PermissionError("a request without a stamp asked for a connection")
        wanted = (exchange.request.host, exchange.request.port)
        connection, error = yield GetHttpConnection(wanted, exchange.request.scheme == "https", None)
        if error is None and not _leads_to(connection, exchange):
            error = f"exeat:{Reason.AUTHORITY_MISMATCH}"
        if error is None and not exchange.may_leave():
            error = f"exeat:{Reason.MISSION_ENDED}"
        if error is not None:
            reason = _reason_of(error)
            self.flow.response = response_of(host.parts.gate.fail(exchange, reason, error))
            yield from self._answer()
            return False
        self.context.server = self.flow.server_conn = cast("Server", connection)
        request = self.flow.request
        if (
            request.is_http2
            and connection.alpn != b"h2"
            and "content-length" not in request.headers
            and (self.client_state != self.state_done)
        ):
            request.headers["transfer-encoding"] = "chunked"  # HTTP/2 frames its bodies, HTTP/1 needs it said
        exchange.sent = True
        return True

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        """As mitmproxy's; a request already answered and still arriving just ends."""
        if self.client_state == self.state_discard_request_body and isinstance(event, RequestProtocolError):
            self.client_state = self.state_errored
            self.flow.live = False
            return
        yield from super().handle_protocol_error(event)


def _leads_to(connection: Server, exchange: Exchange) -> bool:
    """Whether an open connection is the one this exchange was permitted for."""
    request = exchange.request
    if connection.address != (request.host, request.port) or connection.tls != (request.scheme == "https"):
        return False
    return not connection.tls or (connection.tls_established and connection.sni == request.host)


def _reason_of(error: str) -> Reason:
    """Our own dialler names its reason; what remains are mitmproxy's texts for TLS and for lost connections."""
    if error.startswith("exeat:"):
        return Reason(error.removeprefix("exeat:"))
    if error.startswith("Certificate verify failed"):
        return Reason.UPSTREAM_UNTRUSTED
    return Reason.UPSTREAM_UNREACHABLE


class GovernedHttp(HttpLayer):
    """HTTP on one agent connection, with its own connections to origins that nobody else shares."""

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start) and self.context.client.alpn != b"h2":
            self.connections[self.context.client] = GovernedHttp1Server(self.context.fork())
        yield from super()._handle_event(event)

    def make_stream(self, stream_id: int) -> Commands:
        """Start a stream of ours."""
        self.streams[stream_id] = GovernedStream(self.context.fork(), stream_id)
        yield from self.event_to_child(self.streams[stream_id], events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:
        """As mitmproxy's, but a failed connection is forgotten, so that the next request tries anew."""
        failed = [known for known in self.connections if isinstance(known, Server) and known.error]
        for known in failed:
            if known not in self.waiting_for_establishment:
                self.connections.pop(cast("Connection", known), None)
        yield from super().get_connection(event, reuse=reuse)
