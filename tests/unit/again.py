"""A canonical request as it would be seen on the wire, to be read once more.

Must not know: what is done with it.
"""

from __future__ import annotations

from exeat.model.request import CanonicalRequest, Tunnel, WireRequest


def again(request: CanonicalRequest) -> WireRequest:
    """A canonical request as it would be seen on the wire."""
    path = request.path + (f"?{request.query}" if request.query else "")
    secure = request.scheme == "https"
    authority = request.host if request.port == (443 if secure else 80) else f"{request.host}:{request.port}"
    http2 = request.version == "HTTP/2"
    handshake = ((b"connection", b"upgrade"), (b"upgrade", b"websocket")) if request.upgrade else ()
    fields = request.headers if http2 else ((b"host", authority.encode()), *handshake, *request.headers)
    return WireRequest(
        request.method,
        (path if secure else f"http://{authority}{path}").encode(),
        authority if http2 else "",
        fields,
        request.version,
        Tunnel(request.host, request.port, request.host) if secure else None,
        request.has_body,
    )
