"""What was asked: a request as seen on the wire, and its one canonical form.

The type carries the trust: engines make :class:`WireRequest` from hostile bytes, only ``decision.normalize`` makes a
:class:`CanonicalRequest`, and only canonical requests are judged. Must not know: any engine, policies, services.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Headers = tuple[tuple[bytes, bytes], ...]
"""Header fields in wire order, names as received."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The CONNECT target a request travels in: a canonical host and port, and the TLS server name the client sent."""

    host: str
    port: int
    sni: str | None


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request head as received: nothing in it is trusted.

    ``target`` is the request target as sent (origin-form inside a tunnel, absolute-form outside one; for HTTP/2 the
    ``:path``), ``authority`` the ``:authority`` of HTTP/2, else ``""``, ``scheme`` its ``:scheme``, else None.
    """

    method: str
    target: bytes
    authority: str
    headers: Headers
    version: str
    tunnel: Tunnel | None
    has_body: bool = False
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class CanonicalRequest:
    """The only form that is judged, recorded and sent.

    ``host`` is a lower-case A-label name without trailing dot; ``path`` starts with ``/``, holds no dot segment, no
    empty segment inside and no ambiguous escape, and is exactly what the origin will get; ``query`` is the raw query
    without ``?``; ``headers`` are end-to-end fields only, names in lower case, hop-by-hop and our own tags gone.
    """

    method: str
    scheme: str
    host: str
    port: int
    path: str
    query: str
    headers: Headers
    version: str
    has_body: bool = False
    segments: tuple[str, ...] = field(default=(), repr=False)
    upgrade: str = ""
    """``websocket`` for a handshake (RFC 6455 §4.1), else empty."""
    body_sha256: bytes | None = field(default=None, repr=False)
    """Of a body that was read whole because it is to be signed."""

    @property
    def authority(self) -> str:
        """The ``Host`` that the origin gets (RFC 9110 §7.2): without a port where it is the scheme's own."""
        standard = 443 if self.scheme == "https" else 80
        return self.host if self.port == standard else f"{self.host}:{self.port}"

    @property
    def verb(self) -> str:
        """What templates and policies call the method: ``WEBSOCKET`` for a handshake, which is a GET on the wire."""
        return "WEBSOCKET" if self.upgrade else self.method

    def header(self, name: bytes) -> list[bytes]:
        """Every value of a field, in order; ``name`` in lower case."""
        return [value for key, value in self.headers if key == name]
