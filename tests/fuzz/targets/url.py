"""URLs: the request that Exeat accepts is the request that every other parser sees at the same target.

A seed is one absolute URL. With http it is asked for outside a tunnel, with https inside one, by its authority as Host.
"""

from __future__ import annotations

from exeat.decision.normalize import normalize
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest
from fuzz.kit.tokens import HOSTS, PATHS
from fuzz.kit.urls import read_everywhere, reading

TOKENS = (*PATHS, *HOSTS)
_TUNNEL = Tunnel("api.example.test", 443, "api.example.test")


def check(data: bytes) -> None:
    scheme, separator, rest = data.partition(b"://")
    authority, slash, tail = rest.partition(b"/")
    if not separator:
        return
    if scheme == b"https":
        wire = WireRequest("GET", slash + tail, "", ((b"Host", authority),), "HTTP/1.1", _TUNNEL)
    else:
        wire = WireRequest("GET", data, "", ((b"Host", authority),), "HTTP/1.1", None)
    request = normalize(wire)
    if not isinstance(request, CanonicalRequest):
        return
    ours = reading(request.scheme, request.host, request.port, request.path, request.query)
    assert tuple(each.encode() for each in request.segments) or ours.path == (b"",), "judged is not sent"
    for parser, theirs in read_everywhere(data.decode("ascii")).items():
        assert theirs == ours or (theirs is None and parser in _MAY_REFUSE), (parser, theirs, ours)


_MAY_REFUSE = {"mitmproxy", "WHATWG"}
"""See ``host``."""
