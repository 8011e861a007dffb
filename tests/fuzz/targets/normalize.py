"""normalize: any request head has one canonical form, which is its own, or is refused; nothing is raised."""

from __future__ import annotations

from urllib.parse import urlsplit

from exeat.decision.normalize import connect_target, normalize
from exeat.model.decision import Deny
from exeat.model.request import CanonicalRequest, WireRequest
from fuzz.kit.tokens import FIELDS, HOSTS, PATHS
from fuzz.kit.wire import read_wire
from unit.again import again

TOKENS = (*FIELDS, *HOSTS, *PATHS)
_ONE_HOP = {b"host", b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"trailer", b"http2-settings"}


def check(data: bytes) -> None:
    wire, _ = read_wire(data)
    connect_target(wire.target.decode("latin-1"))
    request = normalize(wire)
    if isinstance(request, Deny):
        assert request.detail
        return
    assert isinstance(request, CanonicalRequest)
    assert normalize(again(request)) == request
    _check_authority(wire, request)
    assert wire.target.removesuffix(b"?").endswith(f"{request.path}?{request.query}".rstrip("?").encode()) or (
        request.path == "/" and wire.tunnel is None
    )
    nominated = {
        word.strip(b" \t").lower()
        for name, value in wire.headers
        if name.lower() == b"connection"
        for word in value.split(b",")
    }
    for name, value in request.headers:
        plain = bytes(each if chr(each).isalnum() else 45 for each in name)
        assert name == name.lower()
        assert name not in nominated | _ONE_HOP
        assert not plain.startswith((b"exeat-", b"proxy-", b"x-forwarded-"))
        assert not set(value) & set(b"\r\n\0")
        assert (name, value) in {(key.lower(), there) for key, there in wire.headers}
    framing = [name for name, _ in request.headers if name in (b"content-length", b"transfer-encoding")]
    assert len(framing) <= 1


def _check_authority(wire: WireRequest, request: CanonicalRequest) -> None:
    """Everything that names a host names this one, as another parser reads it."""
    named = [value.decode("latin-1") for name, value in wire.headers if name.lower() == b"host"]
    if wire.authority:
        named.append(wire.authority)
    if wire.tunnel is not None:
        named += [f"{wire.tunnel.host}:{wire.tunnel.port}", f"{wire.tunnel.sni}:{wire.tunnel.port}"]
    assert named
    for each in named:
        seen = urlsplit(f"{request.scheme}://{each}/")
        port = seen.port or {"http": 80, "https": 443}[request.scheme]
        assert ((seen.hostname or "").removesuffix("."), port) == (request.host, request.port)
