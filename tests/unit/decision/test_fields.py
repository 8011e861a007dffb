"""Fields that frame, route or tag a request come from one place; whatever is for this hop stays here."""

from __future__ import annotations

import pytest

from exeat.decision.fields import UnfitError, check_trailers, read_fields
from exeat.model.reason import Reason


def read(*fields, method="GET", version="HTTP/1.1"):
    return read_fields(fields, method, version).kept


@pytest.mark.parametrize(
    "field",
    [
        (b"Proxy-Authorization", b"Basic x"), (b"Proxy-Connection", b"keep-alive"), (b"Proxy-Authenticate", b"x"),
        (b"Connection", b"close"), (b"Keep-Alive", b"timeout=5"), (b"TE", b"gzip"), (b"Trailer", b"x"),
        (b"HTTP2-Settings", b"AAMAAABk"), (b"Upgrade", b"h2c"), (b"Upgrade", b"TLS/1.3, H2C"),
        (b"Exeat-Agent", b"spiffe://x"), (b"EXEAT-MISSION", b"m"), (b"exeat_agent", b"x"), (b"Exeat-Request_Id", b"x"),
        (b"exeat-anything", b"x"), (b"X-Forwarded-Host", b"d.test"), (b"X-Forwarded-For", b"1"), (b"x_forwarded_host", b"d"),
        (b"x-forwarded_proto", b"d"), (b"X-Original-URL", b"/x"), (b"X-Rewrite-URL", b"/x"), (b"X-Host", b"d"), (b"x_host", b"d"),
        (b"Forwarded", b"host=d"), (b"Via", b"1.1 x"), (b"X-HTTP-Method-Override", b"GET"), (b"Expect", b"200-ok"),
        (b"proxy_authorization", b"x"), (b"Host", b"a.test"), (b"Exeat.Agent", b"x"), (b"exeat~mission", b"x"), (b"X.Forwarded_Host", b"d"), (b"x!host", b"d"),
    ],
)  # fmt: skip
@pytest.mark.guard("field-alias")
def test_a_field_of_this_hop_or_another_authority_does_not_go_on(field):
    assert read((b"Accept", b"*/*"), field) == ((b"accept", b"*/*"),)


@pytest.mark.parametrize(
    "field",
    [
        (b"accept", b"*/*"), (b"authorization", b"Bearer x"), (b"content-type", b"text/plain"), (b"content-length", b"5"),
        (b"transfer-encoding", b"chunked"), (b"cookie", b"a=b; c=d"), (b"expect", b"100-continue"), (b"x_api_key", b"k"),
        (b"x-empty", b""), (b"x-text", "naïve".encode()), (b"x-tab", b"a\tb"), (b"traceparent", b"00-x"), (b"x-amz-date", b"d"),
    ],
)  # fmt: skip
def test_an_end_to_end_field_goes_on_unchanged(field):
    assert read(field) == (field,)


def test_what_connection_nominates_goes_no_further():
    """CVE-2022-31813: hop-by-hop fields are taken off before anything of ours is put on."""
    kept = read((b"X-Tag", b"1"), (b"Connection", b"close, X-Tag ,,"), (b"x-tag", b"2"), (b"Accept", b"*/*"))
    assert kept == ((b"accept", b"*/*"),)


@pytest.mark.parametrize(
    "name",
    [b"host", b"Content-Length", b"authorization", b"Cookie", b"content-type", b"transfer-encoding", b"Exeat-Agent",
     b"exeat_mission", b"transfer_encoding", b"content.length", b"exeat.agent", b"a b", b"a:b"],
)  # fmt: skip
def test_a_field_every_hop_needs_is_never_nominated(name):
    with pytest.raises(UnfitError):
        read((b"Connection", b"close, " + name))


@pytest.mark.parametrize(
    "fields",
    [
        [(b"content-length", b"5"), (b"content-length", b"5")],
        [(b"content-length", b"5, 5")],
        *(
            [(b"content-length", value)]
            for value in (b"", b"+5", b"-1", b"0x5", b"5_0", b"05", b"5 5", b"9" * 19, b"\xef\xbc\x95")
        ),
        [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
        *(
            [(b"transfer-encoding", value)]
            for value in (
                b"Chunked",
                b"xchunked",
                b"chunked, identity",
                b"gzip, chunked",
                b'"chunked"',
                b"identity",
                b"",
            )
        ),
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
        [(b"transfer_encoding", b"chunked")],
        [(b"content_length", b"5")],
        [(b"content_type", b"x")],
        [(b"content.length", b"5")],
        [(b"transfer~encoding", b"chunked")],
        [(b"x.http.method", b"GET")],
        [(b"authorization", b"a"), (b"authorization", b"b")],
        [(b"content-type", b"a"), (b"content-type", b"a")],
        [(b"host", b"a"), (b"Host", b"a")],
        [(b"x-http-method-override", b"DELETE")],
        [(b"x-http-method", b"get")],
        [(b"x_method_override", b"GET")],
        *(
            [(name, b"x")]
            for name in (b"", b"a b", b"a:", b"a\t", b" a", b"a\x00", b"a\xff", b"(a)", b":path", b"a\r\nb")
        ),
        *(
            [(b"a", value)]
            for value in (b"a\rb", b"a\nb", b"a\r\n b", b"a\x00", b"a\x0b", b"a\x7f", b" a", b"a ", b"\ta", b"a\t")
        ),
    ],
)
def test_fields_with_two_readings_are_refused(fields):
    with pytest.raises(UnfitError) as caught:
        read(*fields)
    assert caught.value.reason is Reason.REQUEST_MALFORMED


HANDSHAKE = (
    (b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket"), (b"Sec-WebSocket-Version", b"13"),
    (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"Sec-WebSocket-Protocol", b"chat"),
)  # fmt: skip


def test_a_websocket_handshake_is_recognised_and_its_extensions_are_left_out():
    fields = read_fields((*HANDSHAKE, (b"Sec-WebSocket-Extensions", b"permessage-deflate")), "GET", "HTTP/1.1")
    assert fields.upgrade == "websocket"
    assert [name for name, _ in fields.kept] == [
        b"sec-websocket-version", b"sec-websocket-key", b"sec-websocket-protocol"
    ]  # fmt: skip


@pytest.mark.parametrize("without", range(4))
def test_a_handshake_without_one_of_its_fields_is_none(without):
    fields = [field for index, field in enumerate(HANDSHAKE) if index != without]
    if without == 1:
        assert read_fields(tuple(fields), "GET", "HTTP/1.1").upgrade == ""
        return
    with pytest.raises(UnfitError):
        read_fields(tuple(fields), "GET", "HTTP/1.1")


@pytest.mark.parametrize(
    ("extra", "method", "version"),
    [
        ((b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), "GET", "HTTP/1.1"),
        ((b"Content-Length", b"0"), "GET", "HTTP/1.1"),
        ((b"Transfer-Encoding", b"chunked"), "GET", "HTTP/1.1"),
        ((b"X-A", b"1"), "POST", "HTTP/1.1"),
        ((b"x-a", b"1"), "GET", "HTTP/2"),
    ],
)
def test_a_handshake_with_more_than_its_fields_is_none(extra, method, version):
    with pytest.raises(UnfitError):
        read_fields((*HANDSHAKE, extra), method, version)


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"authorization", b"exeat-agent", b"Exeat_Agent", b"cookie",
                                  b"Transfer-Encoding", b"connection", b"te", b"trailer", b"x y", b"proxy-authorization", b"Private-Token", b"x.auth.token"])  # fmt: skip
def test_a_trailer_that_could_change_what_was_decided_is_refused(name):
    with pytest.raises(UnfitError):
        check_trailers(((name, b"1"),))


def test_an_ordinary_trailer_goes_on():
    check_trailers(((b"Checksum", b"abc"), (b"grpc-status", b"0"), (b"x-amz-checksum-crc32", b"AAAAAA==")))


@pytest.mark.parametrize("value", [b"h2c, websocket", b"websocket, websocket", b"foo/2", b"", b"h2c,"])
def test_an_upgrade_to_a_protocol_nobody_decides_on_is_refused(value):
    with pytest.raises(UnfitError) as caught:
        read((b"Connection", b"upgrade"), (b"Upgrade", value))
    assert caught.value.reason is Reason.PROTOCOL_NOT_ALLOWED


@pytest.mark.parametrize(
    "field",
    [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"keep-alive", b"x"), (b"proxy-connection", b"x"),
     (b"upgrade", b"h2c"), (b"te", b"gzip"), (b"Accept", b"*/*"), (b"transfer_encoding", b"x")],
)  # fmt: skip
def test_http2_has_no_fields_of_a_connection(field):
    with pytest.raises(UnfitError):
        read(field, version="HTTP/2")


def test_http2_may_ask_for_trailers():
    assert read((b"te", b"trailers"), version="HTTP/2") == ((b"te", b"trailers"),)


def test_chunks_are_refused_before_http_1_1():
    with pytest.raises(UnfitError):
        read((b"transfer-encoding", b"chunked"), version="HTTP/1.0")
