"""A request has one reading or is refused; the reading is a fixed point."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exeat.decision.normalize import connect_target, normalize
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest
from unit.again import again

HOST = "api.example.test"
HOST_FIELD = HOST.encode()
TUNNEL = Tunnel(HOST, 443, HOST)
MALFORMED, MISMATCH = Reason.REQUEST_MALFORMED, Reason.AUTHORITY_MISMATCH
PROTOCOL, ADDRESS = Reason.PROTOCOL_NOT_ALLOWED, Reason.ADDRESS_NOT_ALLOWED
DESTINATION = Reason.DESTINATION_NOT_ALLOWED


def h1(*fields, method="GET", target=b"/v1/refunds", host=HOST_FIELD, tunnel=TUNNEL, version="HTTP/1.1"):
    first = () if host is None else ((b"Host", host),)
    return WireRequest(method, target, "", (*first, *fields), version, tunnel)


def h2(*fields, authority=HOST, method="GET", target=b"/v1/refunds", tunnel=TUNNEL):
    return WireRequest(method, target, authority, fields, "HTTP/2.0", tunnel)


def plain(target, *fields, host=HOST_FIELD):
    return h1(*fields, target=target, host=host, tunnel=None)


def reason(wire):
    verdict = normalize(wire)
    return verdict.reason if isinstance(verdict, Deny) else None


def accepted(wire) -> CanonicalRequest:
    request = normalize(wire)
    assert isinstance(request, CanonicalRequest), request
    return request


def test_a_plain_request_in_a_tunnel_is_read_as_it_is():
    request = accepted(h1((b"Accept", b"*/*"), target=b"/v1/a%20b?x=1&y=%2F"))
    assert (request.scheme, request.host, request.port) == ("https", HOST, 443)
    assert (request.path, request.query, request.segments) == ("/v1/a%20b", "x=1&y=%2F", ("v1", "a b"))
    assert request.headers == ((b"accept", b"*/*"),)


def test_an_http2_request_is_read_the_same():
    request = accepted(h2((b"accept", b"*/*"), (b"host", b"API.example.test")))
    assert (request.version, request.host, request.headers) == ("HTTP/2", HOST, ((b"accept", b"*/*"),))


def test_an_absolute_target_outside_a_tunnel_is_plain_http():
    request = accepted(plain(b"HTTP://API.Example.test:8080/a?b", host=b"api.example.test:8080"))
    assert (request.scheme, request.host, request.port, request.path) == ("http", HOST, 8080, "/a")
    assert accepted(plain(b"http://api.example.test")).path == "/"


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(h1(tunnel=Tunnel(HOST, 443, "other.test")), MISMATCH, id="D01 another server name"),
        pytest.param(h1(host=b"other.test"), MISMATCH, id="D02 another Host"),
        pytest.param(h2(authority="other.test"), MISMATCH, id="D03 another authority"),
        pytest.param(h2((b"host", b"other.test")), MISMATCH, id="D04 authority and Host differ"),
        pytest.param(plain(b"http://api.example.test/", host=b"other.test"), MISMATCH, id="D05 absolute against Host"),
        pytest.param(h1(target=b"http://other.test/"), MALFORMED, id="D06 absolute in a tunnel"),
        pytest.param(h1((b"host", HOST.encode())), MALFORMED, id="D07 two Hosts"),
        pytest.param(h1(host=b"api.example.test,other.test"), MALFORMED, id="D07 comma"),
        pytest.param(h1(host=b""), MALFORMED, id="D07 empty Host"),
        pytest.param(h1(host=None), MALFORMED, id="D07 no Host"),
        pytest.param(h1(host=b"api.example.test "), MALFORMED, id="D07 space"),
        pytest.param(h1(host="bücher.test".encode()), MALFORMED, id="D13 raw 8-bit Host"),
        pytest.param(h1(tunnel=Tunnel("192.0.2.1", 443, HOST)), ADDRESS, id="D08 tunnel to an address"),
        pytest.param(h1(tunnel=Tunnel("8.8.8.8", 443, None)), DESTINATION, id="D08 tunnel to a public address"),
        pytest.param(h1(tunnel=Tunnel(HOST, 443, None)), MISMATCH, id="D09 no server name"),
        pytest.param(h1(tunnel=Tunnel(HOST, 443, "")), MISMATCH, id="D09 empty server name"),
        pytest.param(h1(tunnel=Tunnel(HOST, 443, "api.example.test\0.x")), MISMATCH, id="D09 NUL in the server name"),
        pytest.param(h1(tunnel=Tunnel("API.example.test", 443, "API.example.test")), MISMATCH, id="engine lies"),
        pytest.param(h1(host=b"api.example.test."), None, id="D11 trailing dot"),
        pytest.param(h1(host=b"api.example.test.."), MALFORMED, id="D11 two dots"),
        pytest.param(h1(host=b"API.Example.Test"), None, id="D12 case"),
        pytest.param(plain(b"http://api.example.test@other.test/"), MALFORMED, id="D15 userinfo"),
        pytest.param(plain(b"http://api.example.test:80@other.test/"), MALFORMED, id="D15 userinfo with port"),
        pytest.param(plain(b"http://api.example.test\\@other.test/"), MALFORMED, id="D15 backslash"),
        pytest.param(plain(b"http://api.example.test#@other.test/"), MALFORMED, id="D15 fragment"),
        pytest.param(plain(b"http://api.example.test?@other.test/"), MALFORMED, id="D15 query"),
        pytest.param(h1(host=b"[api.example.test]"), MALFORMED, id="D16 brackets"),
        pytest.param(h1(host=b"api%2eexample.test"), MALFORMED, id="D17 percent"),
        pytest.param(h1(host=b"api.example.test:22"), MISMATCH, id="D18 another port"),
        pytest.param(h1(host=b"api.example.test:0443"), MALFORMED, id="D18 leading zero"),
        pytest.param(h1(host=b"api.example.test:443"), None, id="D18 the port spelled out"),
        pytest.param(h1(tunnel=Tunnel(HOST, 8443, HOST)), MISMATCH, id="D18 Host without the tunnel's port"),
        pytest.param(plain(b"https://api.example.test/"), PROTOCOL, id="D19 https target"),
        pytest.param(plain(b"HTTPS://api.example.test/"), PROTOCOL, id="D19 HTTPS target"),
        pytest.param(plain(b"ftp://api.example.test/"), MALFORMED, id="D19 ftp"),
        pytest.param(plain(b"/v1"), MALFORMED, id="a path outside a tunnel"),
        pytest.param(plain(b"http:///v1"), MALFORMED, id="no host"),
        pytest.param(plain(b"http://127.0.0.1/", host=b"127.0.0.1"), ADDRESS, id="N04 loopback"),
        pytest.param(plain(b"http://[::1]/", host=b"[::1]"), ADDRESS, id="N02 IPv6 loopback"),
        pytest.param(plain(b"http://[::ffff:8.8.8.8]/", host=b"x"), ADDRESS, id="N02 mapped"),
        pytest.param(plain(b"http://169.254.169.254/", host=b"169.254.169.254"), ADDRESS, id="N05 metadata"),
        pytest.param(plain(b"http://1.1.1.1/", host=b"1.1.1.1"), DESTINATION, id="a public address"),
        pytest.param(plain(b"http://2130706433/", host=b"2130706433"), MALFORMED, id="N01 decimal"),
        pytest.param(plain(b"http://0x7f.1/", host=b"0x7f.1"), MALFORMED, id="N01 hex"),
        pytest.param(h1(method="get"), MALFORMED, id="P04 lower case"),
        pytest.param(h1(method="PRI"), MALFORMED, id="P04 PRI"),
        pytest.param(h1(method=""), MALFORMED, id="P04 empty"),
        pytest.param(h1(method="GET "), MALFORMED, id="P04 space"),
        pytest.param(h1(method="CONNECT"), PROTOCOL, id="P04 CONNECT"),
        pytest.param(h1(method="TRACE"), PROTOCOL, id="P04 TRACE"),
        pytest.param(h1(method="TRACK"), PROTOCOL, id="P04 TRACK"),
        pytest.param(h1(target=b"/a?_method=DELETE"), MALFORMED, id="P05 override in the query"),
        pytest.param(h1(target=b"/a?x=1;%5f%6dethod=delete"), MALFORMED, id="P05 encoded override"),
        pytest.param(h1(target=b"/a?.method=DELETE"), MALFORMED, id="P05 as PHP spells it"),
        pytest.param(h1(target=b"/a?%5Bmethod=DELETE"), MALFORMED, id="P05 as PHP spells an open bracket"),
        pytest.param(h1(target=b"/a?_method=get&payment_method=card"), None, id="P05 the same method"),
        pytest.param(h1(version="HTTP/0.9"), MALFORMED, id="P07 0.9"),
        pytest.param(h1(version="HTTP/9.9"), MALFORMED, id="P07 9.9"),
        pytest.param(h1(version="http/1.1"), MALFORMED, id="P07 lower case"),
        pytest.param(h1(version=""), MALFORMED, id="P07 none"),
        pytest.param(h1(version="HTTP/1.0"), None, id="P07 1.0"),
        pytest.param(h1(target=b"*", method="OPTIONS"), MALFORMED, id="asterisk"),
        pytest.param(h1(target=b""), MALFORMED, id="no target"),
        pytest.param(h2(tunnel=None), PROTOCOL, id="W07 HTTP/2 in clear"),
        pytest.param(h2(authority=""), MALFORMED, id="no authority"),
        pytest.param(h2(authority="u@api.example.test"), MALFORMED, id="userinfo in the authority"),
        pytest.param(
            h2(authority="b\xfccher.test", tunnel=Tunnel("xn--bcher-kva.test", 443, "xn--bcher-kva.test")),
            MALFORMED,
            id="8-bit authority",
        ),
        pytest.param(replace(h1(), authority=HOST), MALFORMED, id="authority in HTTP/1.1"),
        pytest.param(h2(target=b"https://api.example.test/"), MALFORMED, id="S09 absolute path"),
        pytest.param(h2((b"Accept", b"*/*")), MALFORMED, id="S09 upper case in HTTP/2"),
        pytest.param(h2((b":path", b"/x")), MALFORMED, id="S09 second pseudo field"),
    ],
)
def test_a_request_with_two_readings_is_refused(wire, expected):
    assert reason(wire) is expected


def test_nothing_an_agent_wrote_reaches_the_detail():
    canary = b"canary"
    for wire in (
        h1(host=canary), h1(target=b"/" + canary + b"\xff"), h1((canary + b"\n", b"")), h1((b"a", canary + b"\0")),
        plain(b"http://" + canary + b":x/"), h1(method="canary"), h1(version="canary"),
    ):  # fmt: skip
        verdict = normalize(wire)
        assert isinstance(verdict, Deny)
        assert "canary" not in verdict.detail
        assert verdict.detail


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("API.example.test.:443", (HOST, 443)),
        ("127.0.0.1:443", ("127.0.0.1", 443)),
        ("[::1]:443", ("::1", 443)),
        ("xn--bcher-kva.test:443", ("xn--bcher-kva.test", 443)),
    ],
)
def test_a_tunnel_is_asked_for_by_host_and_port(target, expected):
    assert connect_target(target) == expected


@pytest.mark.parametrize(
    "target",
    [
        "", HOST, f"{HOST}:", f"{HOST}:0", f"{HOST}:65536", f"{HOST}:443:80", f"{HOST}:+443", f"{HOST}:0443", f"u@{HOST}:443",
        f"http://{HOST}:443", f"[{HOST}]:443", "127.1:443", "0x7f.1:443", "2130706433:443", "0:443", "0177.0.0.1:443", "::1:443",
        f"{HOST}\0.other.test:443", "bücher.test:443", f" {HOST}:443", f"{HOST}:443 HTTP/1.1",
    ],
)  # fmt: skip
def test_a_tunnel_to_anything_else_is_malformed(target):
    verdict = connect_target(target)
    assert isinstance(verdict, Deny)
    assert verdict.reason is MALFORMED


BYTES = st.binary(max_size=24)
NAMES = st.one_of(
    BYTES,
    st.sampled_from(
        [b"Host", b"host", b"Connection", b"Content-Length", b"Transfer-Encoding", b"TE", b"Upgrade", b"X-Forwarded-For",
         b"Exeat-Agent", b"exeat_agent", b"Authorization", b"Expect", b"Cookie", b"X-HTTP-Method", b"transfer_encoding"]
    ),
)  # fmt: skip
VALUES = st.one_of(
    BYTES,
    st.sampled_from(
        [
            HOST.encode(),
            b"API.example.test.:443",
            b"chunked",
            b"5",
            b"close, x-tag",
            b"trailers",
            b"h2c",
            b"GET",
            b"100-continue",
        ]
    ),
)
TARGETS = st.one_of(
    BYTES.map(lambda tail: b"/" + tail),
    st.from_regex(
        rb"(http://api\.example\.test(:80)?)?/[a-zA-Z0-9%._~/;-]{0,20}(\?[a-z0-9=&%+;_]{0,20})?", fullmatch=True
    ),
    BYTES,
)
WIRES = st.builds(
    WireRequest,
    method=st.one_of(st.sampled_from(["GET", "POST", "TRACE"]), st.text(max_size=6)),
    target=TARGETS,
    authority=st.one_of(st.sampled_from(["", HOST, "API.example.test:443"]), st.text(max_size=12)),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=5).flatmap(
        lambda fields: st.sampled_from([tuple(fields), ((b"Host", HOST.encode()), *fields)])
    ),
    version=st.one_of(st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0"]), st.text(max_size=8)),
    tunnel=st.sampled_from([None, TUNNEL, Tunnel("::1", 443, None), Tunnel("\ud800", 1, "\ud800"), Tunnel("", 0, "")]),
    has_body=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(WIRES)
@example(h2(authority="\udfff"))
@example(h1(host=b"xn--a"))
@example(h1(target=b"/%F0%90"))
def test_normalising_never_raises_and_its_result_is_a_fixed_point(wire):
    request = normalize(wire)
    if isinstance(request, CanonicalRequest):
        assert normalize(again(request)) == request


@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(rb"/[!-~]{0,30}", fullmatch=True),
    st.lists(
        st.tuples(st.from_regex(rb"[A-Za-z-]{1,12}", fullmatch=True), st.from_regex(rb"[!-~]{0,12}", fullmatch=True)),
        max_size=6,
    ),
    st.sampled_from(["HTTP/1.1", "HTTP/2.0"]),
)
def test_the_path_that_was_judged_is_the_path_that_was_sent(target, fields, version):
    """Byte for byte: whatever is accepted was never rewritten."""
    wire = (
        h1(*fields, target=target)
        if version == "HTTP/1.1"
        else h2(*((name.lower(), value) for name, value in fields), target=target)
    )
    request = normalize(wire)
    if isinstance(request, CanonicalRequest):
        assert f"{request.path}?{request.query}".rstrip("?").encode() == target.rstrip(b"?")
        assert normalize(again(request)) == request
        assert all("/" not in segment and segment not in (".", "..") for segment in request.segments)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_reading_a_tunnels_target_never_raises(target):
    connect_target(target)
