"""HTTP/1 on both sides: strict request heads of bounded size, trailers carried, connections to origins used again.

mitmproxy's own layers accept heads we refuse, crash on trailers, and close an origin's connection after each request of an
HTTP/2 agent. Must not know: policies, credentials, which stream uses which connection.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from h11._readers import ChunkedReader
from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server

from exeat.enforcement.protocols.chunks import ChunkReader
from exeat.enforcement.translate import mark_target, response_of
from exeat.model.request import Headers

Commands = Generator[commands.Command, Any, Any]

# RFC 9112 §2.2 to §5: CRLF line ends, single spaces, token names, no folding, no bare CR, no NUL, nothing before.
_HEAD = re.compile(
    rb"(?P<method>[A-Z]{1,32}) (?P<target>[\x21-\x7e]+) HTTP/1\.[01]\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_END = b"\r\n\r\n"
# An answer's, as strictly (RFC 9112 §4 and §5.2: a folded field of an origin is refused or unfolded; we refuse).
_ANSWER = re.compile(
    rb"HTTP/1\.[01] (?P<status>[1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_ANSWER_BEGINS = b"HTTP/1."
# What no further byte can make a head of: another first line than a request's, a line end of only CR or only LF, a NUL.
_LINE = re.compile(rb"[A-Z]{1,32} [\x21-\x7e]+ HTTP/1\.[01]\r\n")
_BROKEN = re.compile(rb"(?<!\r)\n|\r[^\n]|\x00")


def _chunked(message: http.Message | None) -> bool:
    return message is not None and "chunked" in message.headers.get("transfer-encoding", "").lower()


def _last_chunk(trailers: http.Headers) -> bytes:
    lines = b"".join(b"%s: %s\r\n" % field for field in trailers.fields)
    return b"0\r\n" + lines + b"\r\n"


class Trailing(Http1Connection):
    """Both sides carry trailers, which mitmproxy's don't. ``heard`` and ``told`` are the trailers and the end of what each
    reads and sends; ``padded`` says whether its peer may write chunk sizes with blanks.
    """

    heard: tuple[type[Any], type[Any]]
    told: tuple[type[Any], type[Any]]
    padded = False
    _trailers: http.Headers | None = None

    def read_body(self, event: events.Event) -> Commands:
        """As mitmproxy's, with trailers passed on before the end."""
        reader, stream_id = _strict(self), self.stream_id
        trailers, end = self.heard
        for command in super().read_body(event):
            if (
                isinstance(command, ReceiveHttp)
                and isinstance(command.event, end)
                and command.event.stream_id == stream_id  # and not that of a message behind it
                and (found := _trailers(reader))
            ):
                yield ReceiveHttp(trailers(stream_id, http.Headers(found)))
            yield command

    def send(self, event: HttpEvent) -> Commands:
        """As mitmproxy's, with trailers: kept until the last chunk, left out where there are no chunks."""
        trailers, end = self.told
        if isinstance(event, trailers):
            self._trailers = event.trailers
            return
        for command in super().send(event):
            if isinstance(event, end) and self._trailers is not None:
                if isinstance(command, commands.SendData) and command.data == b"0\r\n\r\n":
                    command.data = _last_chunk(self._trailers)
                self._trailers = None
            yield command


class GovernedHttp1Server(Trailing, Http1Server):
    """The agent's side."""

    heard, told = (RequestTrailers, RequestEndOfMessage), (ResponseTrailers, ResponseEndOfMessage)
    _looked_at = 0
    """Bytes of an unfinished head: one that comes byte by byte isn't looked through again and again."""

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
            elif self._is_hopeless(received):
                yield from self._refuse("the request head is malformed")
            else:
                host.head_pending()
            return
        self._looked_at = 0
        match = _HEAD.fullmatch(received, 0, end + len(_END))
        if match is None or received.count(b"\r\n", 0, end) > limits.header_count:
            yield from self._refuse("the request head is malformed" if match is None else "too many header fields")
            return
        # Only the first command is about this head: what follows may be whole requests that came behind it.
        reading = super().read_headers(event)
        command = next(reading)
        if not isinstance(command, ReceiveHttp) or not isinstance(command.event, RequestHeaders):
            # mitmproxy's own page for a head it can't frame; ours says it in the form callers read.
            yield from self._refuse("the request is ambiguously framed")
            return
        mark_target(command.event.request, match["target"])
        yield command
        yield from reading

    def _is_hopeless(self, received: bytes) -> bool:
        """Whether what has come of a head can't become one."""
        before, self._looked_at = self._looked_at, len(received)
        first = received.find(b"\r\n")
        begins = received[:1].isalpha() and received[:1].isupper()
        if not begins or (first >= max(before - 1, 0) and _LINE.match(received) is None):
            return True
        return _BROKEN.search(received, max(before - 1, 0)) is not None

    def _refuse(self, detail: str) -> Commands:
        refusal = self.context.options.host.refuse_head(detail)
        response = response_of(refusal)
        response.headers["connection"] = "close"
        yield commands.SendData(self.conn, http1.assemble_response_head(response) + refusal.body)
        yield commands.CloseConnection(self.conn)
        self.state = self.done


class GovernedHttp1Client(Trailing, Http1Client):
    """An origin's side."""

    heard, told = (ResponseTrailers, ResponseEndOfMessage), (RequestTrailers, RequestEndOfMessage)
    padded = True
    _interim = 0

    def send(self, event: HttpEvent) -> Commands:
        """As mitmproxy's, with trailers, and with an HTTP/2 request spoken as HTTP/1 from the start.

        mitmproxy remembers the HTTP/2 request and therefore closes the connection after its answer.
        """
        if isinstance(event, RequestHeaders):
            self._interim = 0
            if event.request.is_http2:
                event = RequestHeaders(event.stream_id, _as_http1(event.request), event.end_stream)
        yield from super().send(event)

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """As mitmproxy's, with the head bounded, and interim answers (RFC 9110 §15.2) dropped instead of taken for the answer.

        Nothing of what an origin sent is told to the agent with an error: it may quote the request's token.
        """
        if isinstance(event, events.ConnectionClosed):
            self.buf.maybe_extract_at_most(len(self.buf))
        elif self.request is not None:
            wrong = self._unfit_head()
            if wrong is None:
                return
            if wrong:
                yield commands.CloseConnection(self.conn)
                yield ReceiveHttp(ResponseProtocolError(self.stream_id or 0, wrong, ErrorCode.GENERIC_SERVER_ERROR))
                return
        yield from super().read_headers(event)

    def _unfit_head(self) -> str | None:
        """Take interim answers out of the buffer; return what is wrong with the head that begins it, None while it goes on."""
        limits = self.context.options.host.parts.limits
        while True:
            received = bytes(self.buf)
            end = received.find(_END)
            if (len(received) if end < 0 else end) > limits.header_bytes:
                return "the answer's head is too large"
            if end < 0:
                return None if received.startswith(_ANSWER_BEGINS[: len(received)]) else "no answer of HTTP/1"
            match = _ANSWER.fullmatch(received, 0, end + len(_END))
            if match is None:
                return "the answer's head is malformed"
            if match["status"][:1] != b"1" or match["status"] == b"101":
                return ""
            self._interim += 1
            if self._interim > limits.interim_answers:
                return "too many interim answers"
            self.buf.maybe_extract_at_most(end + len(_END))


def _strict(side: Any) -> Any:
    """The body reader of a side; ours stands in the place of h11's reader of chunks from the first byte on."""
    if isinstance(side.body_reader, ChunkedReader):
        side.body_reader = ChunkReader(padded=side.padded)
    return side.body_reader


def _trailers(reader: Any) -> Headers:
    return reader.trailers if isinstance(reader, ChunkReader) else ()


def _as_http1(request: http.Request) -> http.Request:
    """An HTTP/2 request as HTTP/1.1 sends it (RFC 9113 §8.3.1, RFC 6265 §5.4: one Cookie field)."""
    spoken = request.copy()
    spoken.http_version = "HTTP/1.1"
    spoken.headers.insert(0, "Host", request.authority)
    spoken.authority = ""
    cookies = spoken.headers.get_all("cookie")
    if len(cookies) > 1:
        spoken.headers["cookie"] = "; ".join(cookies)
    return spoken
