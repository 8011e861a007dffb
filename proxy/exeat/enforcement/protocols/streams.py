"""One request and its answer: a refusal is answered at once, the stamp is asked once more before the first byte leaves.

Different from mitmproxy's: the rest of a refused body is thrown away instead of buffered, what is kept for a decision is
bounded, an answer that may not pass is answered in its stead. Must not know: policies, credentials, connections.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any, cast

from mitmproxy.connection import Server
from mitmproxy.flow import Error
from mitmproxy.http import Response
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    GetHttpConnection,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)

from exeat.decision.fields import UnfitError, check_trailers
from exeat.enforcement.answers.scrub import AnswerError
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.known_values import LeakError
from exeat.enforcement.protocols.metering import pay, why_cut
from exeat.enforcement.protocols.tellings import LateBody
from exeat.enforcement.protocols.websocket import GovernedWebsocket
from exeat.enforcement.signing import UnfitBodyError
from exeat.enforcement.translate import BEGINNING, STAMP, WHOLE, ends_with_head, mark_head, response_of
from exeat.model.reason import Reason

Commands = Generator[commands.Command, Any, Any]

_BODIES_KEPT = 4
"""How many bodies of the largest size one connection may keep for decisions at a time."""
_TOO_LARGE = "the body is larger than any may be"


class GovernedStream(HttpStream):
    """One request and its answer; ``siblings`` are all streams of its connection, itself included."""

    def __init__(self, context: Context, stream_id: int, siblings: Mapping[int, HttpStream]) -> None:
        super().__init__(context, stream_id)
        self.siblings = siblings

    def _handle_event(self, event: events.Event) -> Commands:
        if not isinstance(event, LateBody):
            yield from super()._handle_event(event)
        elif self.client_state == self.state_discard_request_body:
            yield SendHttp(ResponseProtocolError(self.stream_id, "refused", ErrorCode.KILL), self.context.client)
            yield DropStream(self.stream_id)
        elif self.client_state == self.state_stream_request_body and self.flow.response is None:
            yield from self._break_off("the body comes too slowly")

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        """As mitmproxy's, but a refusal is answered now."""
        mark_head(event.request, ends=event.end_stream)
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_discard_request_body:
            self.server_state = self.state_done  # answered already, which mitmproxy's code above doesn't know
        if self.client_state == self.state_consume_request_body and self.flow.response is not None:
            yield from self._answer()

    def state_consume_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        """As mitmproxy's, but what is kept for a decision is bounded, and nothing that wasn't judged goes beside it."""
        if isinstance(event, RequestTrailers):
            return
        host = self.context.options.host
        most = host.parts.limits.inspected_body
        if isinstance(event, RequestData) and (
            len(self.request_body_buf) + len(event.data) > most or self._kept_by_all() > _BODIES_KEPT * most
        ):
            self.request_body_buf.clear()
            self.flow.response = response_of(host.refuse_body(self.flow))
            yield from self._answer()
            return
        yield from super().state_consume_request_body(event)
        if isinstance(event, RequestData) and host.is_enough(self.flow, event.data):
            yield from self._judge_beginning()

    def _judge_beginning(self) -> Commands:
        """Have the gate judge by the beginning of a body; on a permit that goes out first, and the rest streams after it."""
        beginning = bytes(self.request_body_buf)
        self.request_body_buf.clear()
        self.flow.request.data.content = beginning
        self.flow.metadata[BEGINNING] = True
        yield HttpRequestHook(self.flow)
        self.flow.request.data.content = None
        if (yield from self.check_killed(True)):
            return
        if self.flow.response is not None:
            yield from self._answer()
            return
        exchange: Exchange = self.flow.metadata[STAMP]
        exchange.sent_bytes = 0  # counted as it leaves
        self.flow.request.stream = exchange.stream_sent
        yield from self.start_request_stream()
        if self.client_state == self.state_stream_request_body:
            yield from self.state_stream_request_body(RequestData(self.stream_id, beginning))

    def _kept_by_all(self) -> int:
        """Bytes that all streams of this agent connection keep for decisions."""
        return sum(len(stream.request_body_buf) for stream in self.siblings.values())

    def state_stream_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        """As mitmproxy's, but trailers that could change what was decided end the request, unfinished, at the origin too."""
        host = self.context.options.host
        if isinstance(event, RequestData) and self.flow.response is None:
            host.body_flows(self.flow.id, self.stream_id, len(event.data))
            most = host.parts.limits.streamed_body
            if most and self.flow.metadata[STAMP].sent_bytes + len(event.data) > most:
                yield from self._break_off(_TOO_LARGE)
                return
        elif isinstance(event, RequestEndOfMessage):
            host.settled(self.flow.id)
        cut, paid = False, 0
        if isinstance(event, RequestData):
            paid = yield from pay(host, self.flow.metadata[STAMP], len(event.data))
            if cut := paid < len(event.data):
                event = RequestData(self.stream_id, event.data[:paid])
        if isinstance(event, RequestTrailers):
            try:
                check_trailers(event.trailers.fields)
            except UnfitError as unfit:
                error = RequestProtocolError(self.stream_id, unfit.detail, ErrorCode.KILL)
                self.flow.error = Error(Error.KILLED_MESSAGE)
                yield SendHttp(error, self.context.server)
                yield from self.check_killed(True)
                return
        try:
            if paid or not cut:  # an empty piece would end a body in HTTP/1
                yield from super().state_stream_request_body(event)
        except LeakError as leak:
            yield from self._stop(leak, ended=isinstance(event, RequestEndOfMessage))
            return
        except UnfitBodyError as unfit:
            yield from self._not_as_signed(str(unfit), ended=isinstance(event, RequestEndOfMessage))
            return
        if cut:
            yield from self._stop_upload()

    def _stop(self, leak: LeakError, *, ended: bool) -> Commands:
        """Answer a request whose body may not go on. Its mission has no rights any more: its connections are about to be cut."""
        host, verdict = self.context.options.host, leak.verdict
        self.flow.response = response_of(
            host.parts.gate.fail(self.flow.metadata[STAMP], verdict.reason, verdict.detail)
        )
        if ended:
            self.client_state = self.state_done
        yield from self._answer()
        self.server_state = self.state_discard_response

    def _not_as_signed(self, detail: str, *, ended: bool) -> Commands:
        """End a request whose body isn't what was signed: what makes it whole has not gone, and doesn't go."""
        if ended:
            self.client_state = self.state_done
        yield from self._break_off(detail, advice=detail)

    def _break_off(self, detail: str, reason: Reason = Reason.REQUEST_MALFORMED, advice: str = "") -> Commands:
        """End a request that is under way to its origin, and answer why."""
        host = self.context.options.host
        refusal = host.parts.gate.fail(self.flow.metadata[STAMP], reason, detail, advice)
        self.flow.response = response_of(refusal)
        yield from self._answer_instead()

    def _stop_upload(self) -> Commands:
        """End a request of whose body no more may pass; one that is being answered already just ends."""
        exchange = self.flow.metadata[STAMP]
        reason, detail, advice = why_cut(exchange)
        if self.flow.response is None:
            yield from self._break_off(detail, reason, advice)
            return
        self.context.options.host.parts.gate.finish(exchange, self.flow.response.status_code, reason, detail)
        self.flow.error = Error(Error.KILLED_MESSAGE)
        yield SendHttp(RequestProtocolError(self.stream_id, "cut", ErrorCode.KILL), self.context.server)
        yield from self.check_killed(True)

    def check_killed(self, emit_error_hook: bool) -> Commands:
        """As mitmproxy's; a killed stream is forgotten, and its connection to an origin serves nobody else."""
        killed: bool = yield from super().check_killed(emit_error_hook)
        if killed:
            exchange = self.flow.metadata.get(STAMP)
            if isinstance(exchange, Exchange) and exchange.sent:
                yield SendHttp(RequestProtocolError(self.stream_id, "killed", ErrorCode.CANCEL), self.context.server)
            yield DropStream(self.stream_id)
        return killed

    def check_invalid(self, request: bool) -> Commands:
        """As mitmproxy's for CONNECT; any other request is checked by the gate, more strictly, and answers below."""
        if request and len(self.flow.request.headers.fields) > self.context.options.host.parts.limits.header_count:
            yield from self._refuse_head("too many header fields")
            return True
        if request and self.flow.request.data.method != b"CONNECT":
            return False
        return (yield from super().check_invalid(request))

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> Commands:
        """As mitmproxy's, but an answer that may not pass is replaced by ours, and every other one streams.

        From now on a body that still comes is part of a conversation, and may take its time.
        """
        self.context.options.host.settled(self.flow.id)
        try:
            validate_headers(event.response)
        except ValueError:
            yield from self._give_up("the answer is ambiguously framed")  # whose text may quote it
            return
        self.flow.response = event.response
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        if self.flow.response is not event.response:
            yield from self._answer_instead()
        elif event.end_stream or WHOLE in self.flow.metadata:
            self.server_state = self.state_consume_response_body
        else:
            yield from self.start_response_stream()

    def start_response_stream(self) -> Commands:
        """Send the head; the body follows as it comes."""
        response = cast("Response", self.flow.response)
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=False), self.context.client)
        self.server_state = self.state_stream_response_body

    def state_stream_response_body(self, event: ResponseData | ResponseTrailers | ResponseEndOfMessage) -> Commands:
        """As mitmproxy's; a body that may not go on is cut, at the origin too."""
        try:
            if isinstance(event, ResponseData):
                exchange = self.flow.metadata[STAMP]
                paid = yield from pay(self.context.options.host, exchange, len(event.data), self.context.server)
                if paid < len(event.data):
                    if paid:
                        yield from super().state_stream_response_body(ResponseData(self.stream_id, event.data[:paid]))
                    self._note_cut(exchange)
                    raise AnswerError("no more of it may pass")
            yield from super().state_stream_response_body(event)
        except AnswerError as error:
            self.flow.error = Error(Error.KILLED_MESSAGE)
            yield SendHttp(RequestProtocolError(self.stream_id, str(error), ErrorCode.KILL), self.context.server)
            yield from self.check_killed(True)

    def state_consume_response_body(self, event: ResponseData | ResponseTrailers | ResponseEndOfMessage) -> Commands:
        """As mitmproxy's; of an answer that must be read whole nothing has gone on yet, so that it can still be refused."""
        if WHOLE not in self.flow.metadata:
            yield from super().state_consume_response_body(event)
            return
        host, exchange = self.context.options.host, self.flow.metadata[STAMP]
        try:
            if isinstance(event, ResponseData):
                paid = yield from pay(host, exchange, len(event.data), self.context.server)
                if paid < len(event.data):
                    raise AnswerError("the mission's budget of bytes is used up")
                self.response_body_buf += exchange.pass_whole(event.data)
            elif isinstance(event, ResponseEndOfMessage):
                self.response_body_buf += exchange.pass_whole(b"")
        except AnswerError as error:
            self.response_body_buf.clear()
            self.flow.response = response_of(host.parts.gate.fail(exchange, Reason.ANSWER_REFUSED, str(error)))
            yield from self._answer_instead()
            return
        if not isinstance(event, ResponseData):
            yield from super().state_consume_response_body(event)

    def _note_cut(self, exchange: Exchange) -> None:
        reason, detail, _ = why_cut(exchange)
        status = None if self.flow.response is None else self.flow.response.status_code
        self.context.options.host.parts.gate.finish(exchange, status, reason, detail)

    def _give_up(self, detail: str) -> Commands:
        """Answer ourselves where the origin's answer can't be understood: mitmproxy's own page would quote it."""
        host, exchange = self.context.options.host, self.flow.metadata[STAMP]
        self.flow.response = response_of(host.parts.gate.fail(exchange, Reason.UPSTREAM_UNREACHABLE, detail))
        yield from self._answer_instead()

    def _answer_instead(self) -> Commands:
        """Send the response that stands in the flow, and hear no more of the origin's."""
        yield SendHttp(RequestProtocolError(self.stream_id, "not passed on", ErrorCode.KILL), self.context.server)
        yield from self._answer()
        self.server_state = self.state_discard_response

    def state_discard_response(self, _: events.Event) -> Commands:
        """Whatever still comes of an answer that was replaced."""
        yield from ()

    def _refuse_head(self, detail: str) -> Commands:
        host = self.context.options.host
        host.head_complete()
        self.flow.response = response_of(host.refuse_head(detail))
        if ends_with_head(self.flow.request):
            self.client_state = self.state_done
        yield from self._answer()

    def _answer(self) -> Commands:
        """Send the response that stands in the flow; whatever the client still sends is thrown away."""
        if self.client_state != self.state_done:
            self.client_state = self.state_discard_request_body
            self.context.options.host.body_unwanted(self.flow.id, self.stream_id)
        response = self.flow.response
        if response is not None:
            response.timestamp_start = time.time()
        yield from self.send_response()

    def state_discard_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        """Wait for the end of a request that is already answered."""
        if isinstance(event, RequestEndOfMessage):
            self.context.options.host.settled(self.flow.id)
            self.client_state = self.state_done
            if self.server_state in (self.state_done, self.state_discard_response):
                yield from self.flow_done()

    def start_request_stream(self) -> Commands:
        """Open the way and send the head; the body follows as it comes."""
        host, most = self.context.options.host, self.context.options.host.parts.limits.streamed_body
        if most and int(self.flow.request.headers.get("content-length", "0")) > most:
            refusal = host.parts.gate.fail(self.flow.metadata[STAMP], Reason.REQUEST_MALFORMED, _TOO_LARGE)
            self.flow.response = response_of(refusal)
            yield from self._answer()
            return
        if not (yield from self.make_server_connection()):
            return
        host.body_flows(self.flow.id, self.stream_id, 0)
        yield SendHttp(RequestHeaders(self.stream_id, self.flow.request, end_stream=False), self.context.server)
        self.client_state = self.state_stream_request_body

    def make_server_connection(self) -> Commands:
        """Get a connection, then ask for the stamp once more; on any failure answer with its reason."""
        host = self.context.options.host
        exchange = self.flow.metadata.get(STAMP)
        if not isinstance(exchange, Exchange):
            raise PermissionError("a request without a stamp asked for a connection")
        wanted = (exchange.request.host, exchange.request.port)
        secure = exchange.request.scheme == "https"
        connection, error = yield GetHttpConnection(wanted, secure, None)
        if error is not None and "no application protocol" in error:
            host.parts.origin_side.speaks_only_http2(*wanted)  # said in the handshake, before any request
            connection, error = yield GetHttpConnection(wanted, secure, None)
        if error is None:
            error = _unfit(connection, exchange)
        if error is not None:
            self.flow.response = response_of(host.parts.gate.fail(exchange, _reason_of(error), error))
            yield from self._answer()
            return False
        self.context.server = self.flow.server_conn = cast("Server", connection)
        request = self.flow.request
        unframed = "content-length" not in request.headers and self.client_state != self.state_done
        if request.is_http2 and connection.alpn != b"h2" and unframed:
            request.headers["transfer-encoding"] = "chunked"  # HTTP/2 frames its bodies, HTTP/1 needs it said
        exchange.sent = True
        return True

    def flow_done(self) -> Commands:
        """As mitmproxy's; a permitted WebSocket handshake goes on in a layer of ours, any other 101 has been cut before."""
        response = self.flow.response
        if response is None or response.status_code != 101:
            yield from super().flow_done()
            return
        host, exchange = self.context.options.host, self.flow.metadata[STAMP]
        self.child_layer = GovernedWebsocket(self.context, exchange, host.parts.answers.needles(exchange))
        self._handle_event = self.passthrough  # type: ignore[method-assign]
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        """As mitmproxy's; a request already answered just ends, and an answer that isn't HTTP is answered by us."""
        if self.server_state == self.state_discard_response and isinstance(event, ResponseProtocolError):
            return
        host = self.context.options.host
        if self.client_state == self.state_discard_request_body and isinstance(event, RequestProtocolError):
            host.settled(self.flow.id)
            self.client_state = self.state_errored
            self.flow.live = False
            yield DropStream(self.stream_id)
            return
        waits = self.server_state == self.state_wait_for_response_headers and self.client_state != self.state_errored
        if waits and isinstance(event, ResponseProtocolError):
            yield from self._give_up("the connection ended without an answer, or the answer isn't HTTP")
            return
        yield from super().handle_protocol_error(event)


def _unfit(connection: Server, exchange: Exchange) -> str | None:
    """Why an open connection is not the one this exchange was permitted for, as our dialler would say it."""
    request = exchange.request
    same = connection.address == (request.host, request.port) and connection.tls == (request.scheme == "https")
    if not same or (connection.tls and not (connection.tls_established and connection.sni == request.host)):
        return f"exeat:{Reason.AUTHORITY_MISMATCH}"
    if request.upgrade and connection.alpn == b"h2":
        return f"exeat:{Reason.PROTOCOL_NOT_ALLOWED}"
    return None if exchange.may_leave() else f"exeat:{Reason.MISSION_ENDED}"


def _reason_of(error: str) -> Reason:
    """Our own dialler names its reason; what remains are mitmproxy's texts for TLS and for lost connections."""
    if error.startswith("exeat:"):
        return Reason(error.removeprefix("exeat:"))
    if error.startswith("Certificate verify failed"):
        return Reason.UPSTREAM_UNTRUSTED
    return Reason.UPSTREAM_UNREACHABLE
