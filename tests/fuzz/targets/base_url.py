"""Base URLs: a request to a listener means the service whose base URL it is, at the path behind it, and links lead back there.

A seed is a request to the listener; each line of its body is a ``Location`` of the answer.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes, urljoin

import ada_url

from exeat.decision.normalize import normalize
from exeat.enforcement.ways.reverse import Base, BaseUrls
from exeat.model.decision import Deny
from exeat.model.request import CanonicalRequest, WireRequest
from fuzz.kit.site import HOSTS, SNAPSHOT
from fuzz.kit.tokens import FIELDS, PATHS
from fuzz.kit.wire import read_wire

TOKENS = (
    *PATHS, *FIELDS, b"/header", b"/HEADER", b"/query", b"/header.example.test", b"header.exeat.internal", b"\nHost: 127.0.0.1:9000", b"\nHost: localhost", b"\nHost: [::1]:9000",
    b"\nOrigin: http://127.0.0.1:9000", b"\nReferer: http://127.0.0.1:9000/header/x", b"\nSec-Fetch-Site: cross-site", b"https://header.example.test/", b"//header.example.test",
    b"https://query.example.test:443/", b"https://header.example.test@evil.test/", b"https://header.example.test:x/", b"?u=//header.example.test",
)  # fmt: skip
_BASES = BaseUrls(SNAPSHOT.services.services, ["proxy.test"], "exeat.internal", tls=False)
_OURS = {b"host", b"origin", b"referer"}


def check(data: bytes) -> None:
    wire, body = read_wire(data)
    mapped = _BASES.forward(wire)
    if isinstance(mapped, Deny):
        assert mapped.detail
        return
    there, base = mapped
    assert base.host in HOSTS
    assert there.tunnel is not None
    assert (there.tunnel.host, there.tunnel.port, there.tunnel.sni) == (base.host, base.port, base.host)
    prefix = base.prefix.encode()
    assert prefix + there.target in (wire.target, wire.target.replace(prefix, prefix + b"/", 1))
    assert [field for field in there.headers if field[0].lower() not in _OURS] == [
        field for field in wire.headers if field[0].lower() not in _OURS
    ]
    request = normalize(there)
    if not isinstance(request, CanonicalRequest):
        return
    assert (request.host, request.port) == (base.host, base.port)
    _check_path(wire, base, request)
    for location in body.split(b"\n"):
        _check_back(location, base, request)


def _check_path(wire: WireRequest, base: Base, request: CanonicalRequest) -> None:
    """A client that knows URLs asks for the same path."""
    seen = ada_url.URL(base.url + wire.target.decode("latin-1"))
    pieces = tuple(unquote_to_bytes(piece) for piece in seen.pathname[1:].split("/"))
    prefix = (base.prefix[1:].encode(),) if base.prefix else ()
    assert pieces in (prefix + tuple(each.encode() for each in request.segments or ("",)), prefix)


def _check_back(location: bytes, base: Base, request: CanonicalRequest) -> None:
    """What leads to the service leads to its base URL; what leads elsewhere is left as it is."""
    fields = ((b"location", location), (b"etag", location), (b"strict-transport-security", b"max-age=1"))
    back = _BASES.back(fields, base)
    assert [name for name, _ in back] == [b"location", b"etag"]
    assert back[1][1] == location
    if not location.isascii() or any(each <= 32 or each in b"\\\x7f" for each in location):
        return
    if re.match(rb"[a-z][a-z0-9+.-]*:(?!//)", location, re.IGNORECASE):
        return  # a scheme without an authority (RFC 3986 §5.2.2 calls the old reading a loophole)
    there = f"https://{base.host}:{base.port}{request.path}"
    try:
        meant = ada_url.URL(location.decode(), there)
        seen = ada_url.URL(back[0][1].decode(), base.url + base.prefix + request.path)
        if urljoin(there, location.decode()).replace(f":{base.port}", "", 1) != meant.href:
            return  # browsers mend such references, others don't
    except ValueError:
        return
    here = f"https://{base.host}" if base.port == 443 else f"https://{base.host}:{base.port}"
    if meant.origin == here and not (meant.username or meant.password):
        assert seen.origin == ada_url.URL(base.url).origin, (location, back[0][1])
        assert seen.pathname == base.prefix + meant.pathname, (location, back[0][1])
