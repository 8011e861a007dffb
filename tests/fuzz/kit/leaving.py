"""What an admitted request is when it leaves: nothing that came after the decision made it wider than what was judged."""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import unquote

from mitmproxy import http
from mitmproxy.net.http import http1

from exeat.decision.normalize import normalize
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.translate import write_request
from exeat.model.decision import Inject
from exeat.model.request import CanonicalRequest, WireRequest
from exeat.model.service import PlaceKind
from fuzz.kit.frames import Message, by_h11, by_llhttp
from fuzz.kit.site import MINTED, PLACEHOLDER, SHARED

_ONE_HOP = {
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"upgrade", b"trailer", b"te", b"http2-settings", b"expect", b"baggage", b"forwarded", b"via",
}  # fmt: skip
_TAG = (b"exeat-agent", b"exeat-mission", b"exeat-request-id")
_NEXT = b"GET /next HTTP/1.1\r\nHost: api.example.test\r\n\r\n"


def check_leaving(exchange: Exchange, wire: WireRequest, body: bytes | None) -> None:
    """Raise AssertionError unless it is; ``body`` is what was judged with it, None when it streams."""
    _check_as_judged(exchange, wire)
    _check_tag(exchange)
    _check_credential(exchange)
    _check_fields(exchange, wire, body)
    check_framed(exchange)


def _check_as_judged(exchange: Exchange, wire: WireRequest) -> None:
    judged = normalize(wire)
    request = exchange.request
    assert isinstance(judged, CanonicalRequest)
    for name in ("method", "scheme", "host", "port", "path", "query", "segments", "upgrade"):
        assert getattr(judged, name) == getattr(request, name), name
    path, _, query = exchange.target.partition("?")
    assert path == request.path
    assert {part for part in query.split("&") if MINTED not in part} <= set(request.query.split("&"))


def _check_tag(exchange: Exchange) -> None:
    plain = [bytes(each if chr(each).isalnum() else 45 for each in name) for name, _ in exchange.headers]
    tags = [name for name in plain if name.startswith(b"exeat-")]
    assert tags == ([] if exchange.request.host.startswith("open.") else list(_TAG))
    assert plain.count(b"traceparent") == 1


def _check_credential(exchange: Exchange) -> None:
    everything = [
        *(value.decode("utf-8", "surrogateescape") for _, value in exchange.headers),
        unquote(exchange.target),
    ]
    inject = next((duty for duty in exchange.permit.obligations if isinstance(duty, Inject)), None)
    basic = [
        b64decode(value[6:]).decode("utf-8", "replace") for name, value in exchange.headers
        if name == b"authorization" and value.startswith(b"Basic ") and inject
    ]  # fmt: skip
    found = sum(text.count(MINTED) for text in (*everything, *basic))
    if inject is None:
        assert found == 0
        return
    assert found == 1
    place = inject.place
    here = {name: value.decode("utf-8", "surrogateescape") for name, value in exchange.headers}
    match place.kind:
        case PlaceKind.HEADER:
            seen = here[place.name.encode()]
            assert seen == f"{place.scheme} {MINTED}".strip()
        case PlaceKind.BASIC:
            seen = basic[0]
            assert seen == f"{place.user}:{MINTED}"
        case PlaceKind.COOKIE:
            seen = here[b"cookie"]
            assert [crumb for crumb in seen.split("; ") if crumb.startswith(f"{place.name}=")] == [
                f"{place.name}={MINTED}"
            ]
        case PlaceKind.QUERY:
            seen = exchange.target
            assert seen.endswith(f"{place.name}={MINTED}")
    for name in (b"authorization", b"x-api-key"):
        values = [value for key, value in exchange.headers if key == name]
        assert len(values) <= 1
        assert not any(word in value for value in values for word in (SHARED.encode(), PLACEHOLDER.encode()))


def _check_fields(exchange: Exchange, wire: WireRequest, body: bytes | None) -> None:
    fields = exchange.headers
    nominated = {
        word.strip(b" \t").lower() for name, value in wire.headers if name.lower() == b"connection" for word in value.split(b",")
    }  # fmt: skip
    ours = {*_TAG, b"traceparent", b"accept-encoding", b"content-length", b"authorization", b"x-api-key", b"cookie"}
    http2 = exchange.request.version == "HTTP/2"
    for name, value in fields:
        assert name == name.lower()
        assert name != b"host"
        assert name not in _ONE_HOP or (name == b"te" and http2 and value == b"trailers")
        assert name not in nominated - ours
        assert not set(value) & set(b"\r\n\0")
    lengths = [value for name, value in fields if name == b"content-length"]
    chunked = [value for name, value in fields if name == b"transfer-encoding"]
    assert len(lengths) + len(chunked) <= 1
    if body is not None:
        assert lengths == [str(len(body)).encode()]


def check_framed(exchange: Exchange) -> None:
    """Two servers see exactly one request in these bytes, with these fields, and what follows as the next."""
    request = http.Request("", 0, b"GET", b"", b"", b"", b"HTTP/1.1", http.Headers(), None, None, 0, 0)
    write_request(request, exchange)
    head = http1.assemble_request_head(request)
    lengths = [int(value) for name, value in exchange.headers if name == b"content-length"]
    chunked = any(name == b"transfer-encoding" for name, _ in exchange.headers)
    if any(length > 10_000 for length in lengths) or exchange.request.upgrade:
        return
    body = b"x" * lengths[0] if lengths else b""
    sent = head + (b"0\r\n\r\n" if chunked else body) + _NEXT
    fields = tuple((name.lower(), value) for name, value in request.headers.fields)
    expected = Message(exchange.request.method, exchange.target.encode(), fields, body)
    for parse in (by_h11, by_llhttp):
        found = parse(sent)
        assert found[0] == expected, parse.__name__
        assert [each.target for each in found[1:]] == [b"/next"], parse.__name__
