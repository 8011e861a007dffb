"""Header fields: which are refused, which stay on this hop, which go on.

Cites: RFC 9110 §5 and §7.6.1, RFC 9112 §6, RFC 9113 §8.2; security matrix S01 to S09, H01 to H03, D10, P05. Must not know:
targets, hosts, credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from exeat.model.reason import Reason
from exeat.model.request import Headers
from exeat.services.fields import plain_name

_is_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_value = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?").fullmatch
_is_key = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch
_is_version = re.compile(rb"13").fullmatch
_is_length = re.compile(rb"0|[1-9][0-9]{0,17}").fullmatch

_ONCE = frozenset({b"host", b"content-length", b"content-type", b"authorization", b"transfer-encoding"})
OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
"""Fields that override the method in several frameworks; some read them as keys of the query, too."""
_NOT_IN_HTTP2 = frozenset({b"connection", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"upgrade"})
# Hop-by-hop, ours to answer, or another way to say where a request goes: origins must hear that from one place only.
_DROPPED = frozenset(
    {
        b"keep-alive",
        b"trailer",
        b"http2-settings",
        b"alt-used",
        b"forwarded",
        b"via",
        b"x-envoy-original-host",
        b"x-envoy-original-path",
        b"x-forwarded",
        b"x-host",
        b"x-http-host-override",
        b"x-original-host",
        b"x-original-uri",
        b"x-original-url",
        b"x-rewrite-uri",
        b"x-rewrite-url",
    }
)
_DROPPED_PREFIXES = (b"proxy-", b"x-forwarded-", b"exeat-")
# Read by something that comes before us or after us, so no next hop may be told to drop them (CVE-2022-31813).
_NEVER_NOMINATED = frozenset(
    {b"host", b"content-length", b"content-type", b"transfer-encoding", b"authorization", b"cookie"}
)
_SPECIAL = _ONCE | OVERRIDES | _NOT_IN_HTTP2 | _DROPPED | {b"te", b"expect"}
CARRIERS = frozenset(
    {b"authorization", b"x-api-key", b"api-key", b"apikey", b"x-apikey", b"x-auth-token", b"x-access-token", b"x-goog-api-key",
     b"x-vault-token", b"private-token", b"x-amz-security-token"}
)  # fmt: skip
"""Fields by which APIs commonly take a credential."""
_NOT_TRAILERS = CARRIERS | {b"cookie", b"set-cookie", b"content-encoding", b"content-range", b"range"}
"""Some servers join trailers to the fields of this request, and one to those of the next."""


class UnfitError(Exception):
    """The fields can't be forwarded; the message is fixed text."""

    def __init__(self, detail: str, reason: Reason = Reason.REQUEST_MALFORMED) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


@dataclass(slots=True)
class _Seen:
    method: bytes
    http2: bool
    once: dict[bytes, bytes] = field(default_factory=dict)
    nominated: set[bytes] = field(default_factory=set)
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """The end-to-end fields, names in lower case; the Host field's value; ``websocket`` or no upgrade."""

    kept: Headers
    host: bytes | None
    upgrade: str


def read_fields(headers: Headers, method: str, version: str) -> Fields:
    """Return what goes on, and what the fields of this hop said.

    ``method`` is one of the known ones, ``version`` canonical. ``host`` itself isn't among the fields: whoever sends
    writes it from the request's host and port. Raise UnfitError.
    """
    seen = _Seen(method.encode("ascii"), version == "HTTP/2")
    kept = []
    for raw, value in headers:
        name = raw.lower()
        if not _is_token(name) or not _is_value(value):
            raise UnfitError("a header field's name or value holds a character it must not hold")
        if seen.http2 and name != raw:
            raise UnfitError("a header field's name holds upper case in HTTP/2")
        plain = plain_name(name)
        if (name == plain and name not in _SPECIAL and not name.startswith(_DROPPED_PREFIXES)) or _stays(
            name, plain, value, seen
        ):
            kept.append((name, value))
    if seen.nominated:
        _check_nominated(seen.nominated)
        kept = [each for each in kept if each[0] not in seen.nominated]
    if b"transfer-encoding" in seen.once and (b"content-length" in seen.once or version != "HTTP/1.1"):
        raise UnfitError("two kinds of framing, or chunks in a version without them")
    upgrade = ""
    if seen.websocket:
        if version != "HTTP/1.1":  # RFC 9110 §7.8: an upgrade in HTTP/1.0 is to be ignored
            raise UnfitError("a WebSocket handshake that is none")
        kept = _check_handshake(kept, seen)
        upgrade = "websocket"
    return Fields(tuple(kept), seen.once.get(b"host"), upgrade)


def _stays(name: bytes, plain: bytes, value: bytes, seen: _Seen) -> bool:
    """Whether a field that has a rule of its own goes on."""
    if name != plain:
        if plain in _ONCE or plain in _NOT_IN_HTTP2 or plain in OVERRIDES:
            raise UnfitError("a header field's name is another way to write one that frames or routes")
        return plain not in _DROPPED and not plain.startswith(_DROPPED_PREFIXES)
    if seen.http2 and name in _NOT_IN_HTTP2:
        raise UnfitError("a field of HTTP/1.1 connections in HTTP/2")
    if name in _ONCE:
        return _stays_once(name, value, seen)
    if name in OVERRIDES:
        if value != seen.method:
            raise UnfitError("a field asks for another method than the request line")
        return False
    if name == b"connection":
        seen.nominated.update(token.strip(b" \t").lower() for token in value.split(b","))
        return False
    if name == b"upgrade":
        seen.websocket = _check_upgrade(value) or seen.websocket
        return False
    if name == b"te":
        if seen.http2 and value != b"trailers":
            raise UnfitError("'te' is not 'trailers' in HTTP/2")
        return seen.http2
    if name == b"expect":
        return value.lower() == b"100-continue"
    return name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)


def _stays_once(name: bytes, value: bytes, seen: _Seen) -> bool:
    if name in seen.once:
        raise UnfitError("a header field that may come once comes twice")
    seen.once[name] = value
    if name == b"content-length" and not _is_length(value):
        raise UnfitError("the content length is not a plain number")
    if name == b"transfer-encoding" and value != b"chunked":
        raise UnfitError("the transfer encoding is not 'chunked' and nothing else")
    return name != b"host"


def _check_upgrade(value: bytes) -> bool:
    """Whether WebSocket is asked for, alone.

    An upgrade to h2c or TLS is declined by leaving it out; any other would end in a protocol nobody decides on.
    """
    protocols = [token.strip(b" \t") for token in value.lower().split(b",")]
    if protocols == [b"websocket"]:
        return True
    for protocol in protocols:
        if protocol != b"h2c" and not protocol.startswith(b"tls/"):
            raise UnfitError("an upgrade to another protocol", Reason.PROTOCOL_NOT_ALLOWED)
    return False


def _check_handshake(kept: list[tuple[bytes, bytes]], seen: _Seen) -> list[tuple[bytes, bytes]]:
    """RFC 6455 §4.1: exactly one well-formed handshake. Extensions are left out: frames are relayed as they are."""
    once = {b"sec-websocket-key": _is_key, b"sec-websocket-version": _is_version}
    for name, fits in once.items():
        values = [value for key, value in kept if key == name]
        if len(values) != 1 or not fits(values[0]):
            raise UnfitError("a WebSocket handshake without its fields")
    framed = seen.once.keys() & {b"transfer-encoding", b"content-length"}
    if seen.method != b"GET" or seen.http2 or b"upgrade" not in seen.nominated or framed:
        raise UnfitError("a WebSocket handshake that is none")
    return [field for field in kept if field[0] != b"sec-websocket-extensions"]


def check_trailers(trailers: Headers) -> None:
    """Raise UnfitError for trailers that could change what was decided (RFC 9110 §6.5.1, matrix S07)."""
    for raw, value in trailers:
        name = plain_name(raw.lower())
        if not _is_token(raw) or not _is_value(value):
            raise UnfitError("a trailer's name or value holds a character it must not hold")
        if name in _NOT_TRAILERS or name in _SPECIAL or name.startswith(_DROPPED_PREFIXES):
            raise UnfitError("a trailer that frames, routes or authenticates")


def _check_nominated(names: set[bytes]) -> None:
    for name in names:
        if name and not _is_token(name):
            raise UnfitError("'connection' holds something that is no field name")
        plain = plain_name(name)
        if plain in _NEVER_NOMINATED or plain.startswith(b"exeat-"):
            raise UnfitError("'connection' nominates a field that every hop needs")
