"""What an origin answers: nothing of ours reaches the agent, and when the agent comes back with what it was handed, the request
that puts the value back is one request, the one that was judged, whatever the origin wrote.

A seed is a status and the answer's fields, a line each.
"""

from __future__ import annotations

import ada_url

from exeat.credentials.custody import MARK
from exeat.decision.normalize import normalize
from exeat.enforcement.answers.scrub import AnswerError
from exeat.enforcement.exchange import Exchange
from exeat.model.request import CanonicalRequest, Headers, Tunnel, WireRequest
from fuzz.kit.leaving import check_framed
from fuzz.kit.site import HOSTS, ME, MINTED, Site
from fuzz.kit.tokens import PATHS
from unit.again import again

TOKENS = (
    *PATHS, b"\nSet-Cookie: a=b0123456789012345; Path=/; HttpOnly", b"\nSet-Cookie: ", b"; Domain=example.test", b"; Domain=.test", b"; Secure", b"; Max-Age=0", b"; Max-Age=99",
    b"; Expires=Thu, 01 Jan 2099 00:00:00 GMT", b"; Path=/v1", b"=", b";", b",", b"\nLocation: https://header.example.test/v1/refunds?X-Amz-Signature=", b"\nLocation: /v1/refunds?sig=s&se=1",
    b"\nLink: </v1/refunds?x-goog-signature=ab>; rel=next", b"\nRefresh: 0; url=/v1/refunds?X-Amz-Signature=ab", b"\nContent-Location: ", b"\nContent-Encoding: gzip", b"\nContent-Range: bytes 0-9/99",
    b"\nAlt-Svc: h3", b"\nGrpc-Encoding: gzip", b"minted-token-value-01", b" HTTP/1.1", b"\x01", b"\x7f", b"\xa0", b"exeat_" + b"A" * 24, b"&", b"#", b"206\n", b"304\n",
)  # fmt: skip
_HOST = "header.example.test"
_NEVER = {b"alt-svc", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"keep-alive", b"set-cookie2"}


def check(data: bytes) -> None:
    status, _, rest = data.partition(b"\n")
    fields = tuple(
        (name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in rest.split(b"\n"))
    )
    fields = tuple(field for field in fields if field[0].strip() and not set(field[1]) & set(b"\r\0"))
    site = Site()
    first = site.gate.admit(ME, _asked(_HOST, b"/v1/refunds"))
    assert isinstance(first, Exchange)
    try:
        head = site.answers.head(first, int(status) if status.isdigit() and len(status) == 3 else 200, fields)
    except AnswerError as error:
        assert str(error)
        return
    for name, value in head.fields:
        assert name.lower() not in _NEVER
        assert MINTED.encode() not in name + value
    for wire in _following(head.fields):
        _check_put_back(site, wire)


def _asked(host: str, target: bytes, *fields: tuple[bytes, bytes]) -> WireRequest:
    return WireRequest(
        "GET", target, "", ((b"Host", host.encode()), *fields), "HTTP/1.1", Tunnel(host, 443, host)
    )  # fmt: skip


def _following(fields: Headers) -> list[WireRequest]:
    """What a client asks for next: with the cookies it was given, and where it was sent."""
    found = []
    for name, value in fields:
        if name.lower() == b"set-cookie":
            found.append(_asked(_HOST, b"/v1/refunds", (b"Cookie", value.partition(b";")[0].strip(b" \t"))))
        elif name.lower() == b"location":
            try:
                url = ada_url.URL(value.decode("utf-8", "replace"), f"https://{_HOST}/v1/refunds")
            except ValueError:
                continue
            if url.hostname in HOSTS:
                found.append(_asked(url.hostname, (url.pathname + url.search).encode("ascii", "replace")))
    return found


def _check_put_back(site: Site, wire: WireRequest) -> None:
    seen = site.gate.admit(ME, wire)
    if not isinstance(seen, Exchange):
        return
    judged = normalize(wire)
    assert isinstance(judged, CanonicalRequest)
    path, _, query = seen.target.partition("?")
    assert path == judged.path
    leaving = normalize(again(_leaving(seen, query)))
    assert isinstance(leaving, CanonicalRequest), (leaving, seen.target)
    assert (leaving.host, leaving.path, leaving.segments) == (judged.host, judged.path, judged.segments)
    assert [part.partition("=")[0] for part in leaving.query.split("&")] == [
        part.partition("=")[0] for part in seen.target.partition("?")[2].split("&")
    ]
    if seen.claim is not None and seen.claim.found:
        assert MARK not in seen.target
    check_framed(seen)


def _leaving(exchange: Exchange, query: str) -> CanonicalRequest:
    request = exchange.request
    ours = (b"exeat-", b"traceparent")
    kept = tuple(field for field in exchange.headers if not field[0].startswith(ours))
    return CanonicalRequest(
        request.method, request.scheme, request.host, request.port, request.path, query, kept, request.version, request.has_body
    )  # fmt: skip
