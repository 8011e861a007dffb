"""Between mitmproxy's flows and our values, both ways.

Must not know: decisions, the gate.
"""

from __future__ import annotations

from mitmproxy import http

from exeat.enforcement.exchange import Exchange
from exeat.enforcement.refusal import Refusal
from exeat.model.request import Tunnel, WireRequest

STAMP = "exeat"
"""Where a flow carries its exchange."""
BEGINNING = "exeat_beginning"
"""Set on a flow while its request is judged by a beginning of its body, the rest of which will stream."""
WHOLE = "exeat_whole"
"""Set on a flow whose answer goes on when all of it is there, or not at all."""
_TARGET = "exeat_target"
_HANDSHAKE = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
_ENDS = "exeat_ends"
_SCHEME = "exeat_scheme"


def mark_target(request: http.Request, target: bytes) -> None:
    """Remember an HTTP/1 request target exactly as it was sent; mitmproxy keeps only a parsed form."""
    setattr(request, _TARGET, target)


def mark_head(request: http.Request, *, ends: bool) -> None:
    """Remember whether a request ends with its head, and its scheme, over which mitmproxy writes its own."""
    setattr(request, _ENDS, ends)
    setattr(request, _SCHEME, request.data.scheme)


def ends_with_head(request: http.Request) -> bool:
    """Whether a request has no body."""
    return getattr(request, _ENDS, True)


def target_of(request: http.Request) -> bytes:
    """The request target as sent."""
    return getattr(request, _TARGET, request.data.path)


def wire_of(request: http.Request, tunnel: Tunnel | None) -> WireRequest:
    """A request head as received."""
    data = request.data
    http2 = request.is_http2
    return WireRequest(
        method=data.method.decode("latin-1"),
        target=data.path if http2 else target_of(request),
        authority=data.authority.decode("latin-1") if http2 else "",
        headers=data.headers.fields,
        version=data.http_version.decode("latin-1"),
        tunnel=tunnel,
        has_body=not ends_with_head(request),
        scheme=getattr(request, _SCHEME, b"").decode("latin-1") if http2 else None,
    )


def write_request(request: http.Request, exchange: Exchange) -> None:
    """Make a flow's request exactly what was permitted."""
    permitted = exchange.request
    data = request.data
    data.method = permitted.method.encode("ascii")
    data.host, data.port = permitted.host, permitted.port
    data.scheme = permitted.scheme.encode("ascii")
    data.path = exchange.target.encode("ascii")
    authority = permitted.authority
    if request.is_http2:
        data.authority = authority.encode("ascii")
        data.headers = http.Headers(exchange.headers)
    else:
        data.authority = b""
        handshake = _HANDSHAKE if permitted.upgrade else ()
        data.headers = http.Headers([(b"Host", authority.encode("ascii")), *handshake, *exchange.headers])


def reframe(request: http.Request, response: http.Response) -> None:
    """Frame an answer whose length isn't known any more, for the agent's version of HTTP."""
    if request.is_http2 or "transfer-encoding" in response.headers:
        return
    if request.data.http_version == b"HTTP/1.0":
        response.headers["connection"] = "close"
    else:
        response.headers["transfer-encoding"] = "chunked"


def response_of(refusal: Refusal) -> http.Response:
    """A refusal as mitmproxy sends it."""
    response = http.Response(
        b"HTTP/1.1", refusal.status, refusal.reason_phrase, http.Headers(refusal.headers), refusal.body, None, 0.0, 0.0
    )
    if refusal.close:
        response.headers["connection"] = "close"
    return response
