"""From hostile bytes to the one reading that is judged, recorded and sent, or a refusal.

Reject, never repair: the only things taken away are fields of this hop, other ways to name a host, and our own tags.
Normalising a canonical request again changes nothing. Must not know: agents, missions, services, policies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exeat.decision.addresses import ip_literal
from exeat.decision.fields import OVERRIDES, UnfitError, read_fields
from exeat.decision.hosts import canonical_host, is_address, parse_authority
from exeat.decision.ranges import refused
from exeat.decision.target import read_path, read_query
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, Headers, Tunnel, WireRequest
from exeat.services.query import plain_key, query_pairs

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})  # a tunnel in a tunnel, and two that echo credentials
_OVERRIDE_KEYS = frozenset({"_method", "_httpmethod", "$httpmethod", *(name.decode("ascii") for name in OVERRIDES)})
_VERSIONS: Mapping[str, str] = {
    "HTTP/1.1": "HTTP/1.1",
    "HTTP/2.0": "HTTP/2",
    "HTTP/2": "HTTP/2",
    "HTTP/1.0": "HTTP/1.0",
}
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/]*)(.*)", re.DOTALL)
_HTTPS, _HTTP = 443, 80
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def normalize(wire: WireRequest) -> CanonicalRequest | Deny:
    """Return the canonical form of a request head, or why there is none. Never raises.

    In a tunnel the target is a path (RFC 9112 §3.2.1) and tunnel, TLS server name and Host or ``:authority`` name one host;
    outside one the target is ``http://…`` (§3.2.2) and agrees with Host. Every Deny's detail is fixed text.
    """
    try:
        return _normalize(wire)
    except UnfitError as unfit:
        return Deny(unfit.reason, detail=unfit.detail)
    except ValueError as error:  # of our own readers, with fixed text
        return Deny(Reason.REQUEST_MALFORMED, detail="not text" if isinstance(error, UnicodeError) else str(error))


def _normalize(wire: WireRequest) -> CanonicalRequest | Deny:
    if wire.method not in _METHODS:
        if wire.method in _REFUSED_METHODS:
            raise UnfitError("a method that is never forwarded", Reason.PROTOCOL_NOT_ALLOWED)
        raise UnfitError("not a method")
    version = _VERSIONS.get(wire.version)
    if version is None:
        raise UnfitError("not a version of HTTP that is spoken here")
    fields = read_fields(wire.headers, wire.method, version)
    headers, host_field = fields.kept, fields.host
    if not wire.has_body and any(name == b"content-length" and value != b"0" for name, value in headers):
        raise UnfitError("a content length without content")  # RFC 9113 §8.1.1: the next hop would wait for it
    if wire.tunnel is not None:
        if wire.scheme not in (None, "https"):
            raise UnfitError("':scheme' is not https inside TLS")
        scheme, target = "https", wire.target
        host, port = wire.tunnel.host, wire.tunnel.port
        if is_address(host):
            return _refuse_address(host)
        _check_tunnel(wire.tunnel, wire.authority, host_field, http2=version == "HTTP/2")
    else:
        if version == "HTTP/2" or wire.authority:
            raise UnfitError("HTTP/2 without TLS", Reason.PROTOCOL_NOT_ALLOWED)
        scheme = "http"
        host, port, target = _split_absolute(wire.target)
        if is_address(host):
            return _refuse_address(host)
        if _authority_of(host_field, _HTTP) != (host, port):
            raise UnfitError("the target and the Host field differ", Reason.AUTHORITY_MISMATCH)
    raw_path, _, raw_query = target.partition(b"?")
    path, segments = read_path(raw_path)
    query = read_query(raw_query)
    if query and ("%" in query or "method" in query.lower()):
        _check_override(query, wire.method)
    return CanonicalRequest(
        wire.method, scheme, host, port, path, query, headers, version, wire.has_body, segments, fields.upgrade
    )


def _check_tunnel(tunnel: Tunnel, authority: str, host_field: bytes | None, *, http2: bool) -> None:
    """One authority (matrix D01 to D07): everything that names a host names the tunnel's, and so that is canonical."""
    same = (tunnel.host, tunnel.port)
    if tunnel.sni is None or (tunnel.sni != tunnel.host and _host_or_none(tunnel.sni) != tunnel.host):
        raise UnfitError("the TLS server name is missing or differs from the tunnel", Reason.AUTHORITY_MISMATCH)
    if http2:
        if parse_authority(authority, _HTTPS) != same:
            raise UnfitError("':authority' differs from the tunnel", Reason.AUTHORITY_MISMATCH)
        if host_field is None:
            return
    elif authority:
        raise UnfitError("an ':authority' outside HTTP/2")
    if _authority_of(host_field, _HTTPS) != same:
        raise UnfitError("the Host field differs from the tunnel", Reason.AUTHORITY_MISMATCH)


def _authority_of(host_field: bytes | None, default_port: int) -> tuple[str, int]:
    if host_field is None:
        raise UnfitError("no Host field")
    return parse_authority(host_field.decode("ascii"), default_port)


def _host_or_none(text: str) -> str | None:
    try:
        return canonical_host(text)
    except ValueError:
        return None


def _split_absolute(target: bytes) -> tuple[str, int, bytes]:
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise UnfitError("a request outside a tunnel needs an absolute target")
    scheme = found[1].lower()
    if scheme in (b"https", b"wss", b"ws"):
        raise UnfitError("https goes through a tunnel", Reason.PROTOCOL_NOT_ALLOWED)
    if scheme != b"http":
        raise UnfitError("not a scheme that is spoken here")
    host, port = parse_authority(found[2].decode("ascii"), _HTTP)  # refuses userinfo, '?', '#' and '\'
    return host, port, found[3] or b"/"


def _refuse_address(host: str) -> Deny:
    address = ip_literal(host)
    if address is not None and not refused(str(address)):
        return Deny(Reason.DESTINATION_NOT_ALLOWED, detail="an address can't be a destination")
    return Deny(Reason.ADDRESS_NOT_ALLOWED, detail="an address that is not public")


def _check_override(query: str, method: str) -> None:
    """Keys of a query that override the method in several frameworks (matrix P05)."""
    for key, value in query_pairs(query):
        if plain_key(key) in _OVERRIDE_KEYS and value.upper() != method:
            raise UnfitError("the query asks for another method than the request line")


def connect_target(target: str, headers: Headers = ()) -> tuple[str, int] | Deny:
    """Read the target of a CONNECT (RFC 9110 §9.3.6), or say why it can't be one. Never raises.

    A plain IP address is returned as canonical text, so that the request inside is refused with its reason; an address in
    any other form is malformed, and so is a CONNECT with content: one reader takes it for the body, the next for the tunnel.
    """
    if any(name.lower() in _FRAMING and value.strip() != b"0" for name, value in headers):
        return Deny(Reason.REQUEST_MALFORMED, detail="a CONNECT with content")
    try:
        return parse_authority(target)
    except ValueError as error:
        return Deny(Reason.REQUEST_MALFORMED, detail=str(error))
