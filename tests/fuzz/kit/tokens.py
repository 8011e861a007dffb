"""Words that parsers are known to disagree about, by where they stand. Fuzzers put them into requests that are sound."""

from __future__ import annotations

HOSTS = (
    b".", b"..", b"-", b"_", b"*", b"@", b"@evil.test", b":", b":80", b":443", b":0443", b":0", b":65536", b":+443", b"[", b"]", b"[::1]",
    b"%", b"%2e", b"%00", b"%41", b"\\", b"/", b"#", b"?", b",", b" ", b"\t", b"\0", b"\xc3\x9f", b"\xe2\x80\x8d", b"\xe2\x80\x8c", b"\xc2\xad",
    b"\xe3\x80\x82", b"\xef\xbc\x8e", b"\xef\xbc\xa1", b"\xef\xbc\x91", b"\xe2\x91\xa0", b"\xe2\x84\xaa", b"\xc4\xb0", b"\xcf\x82", b"\xfc",
    b"xn--", b"XN--", b"xn--fa-hia", b"xn--bcher-kva", b"xn--n3h", b"xn--a", b"r3---sn", b"127.0.0.1", b"127.1", b"0x7f.1", b"0x7f000001", b"2130706433",
    b"0177.0.0.1", b"1.2.3.4.", b"256.1.1.1", b"0x", b"00", b"::ffff:127.0.0.1", b"fe80::1%25eth0", b"localhost", b"A", b"api.example.test", b"evil.test",
)  # fmt: skip
PATHS = (
    b"/", b"//", b"/.", b"/..", b"/../", b".", b"..", b"..;", b";", b";a=b", b"%2e", b"%2E", b"%2f", b"%2F", b"%5c", b"%25", b"%252e", b"%00", b"%0d%0a",
    b"%20", b"%09", b"%3b", b"%23", b"%3f", b"%", b"%4", b"%zz", b"%u002f", b"%c0%ae", b"%c3%a9", b"%ff", b"%ed%a0%80", b"%ef%bc%8f", b"%e2%80%a4", b"%41",
    b"%7e", b"\\", b"#", b"?", b"&", b"=", b"+", b" ", b"\t", b"\r", b"\0", b"\xff", b"\xc3\xa9", b"*", b"|", b"^", b"`", b"{", b"}", b"[", b"]", b"'", b'"',
    b"<", b">", b"~", b"http://", b"https://", b"HTTP://", b"ftp://", b"_method=DELETE", b"&_method=get", b".method=PUT", b"[method=PUT",
)  # fmt: skip
FIELDS = (
    b"\nHost: api.example.test", b"\nHost: evil.test", b"\nContent-Length: 5", b"\nContent-Length: 0", b"\nContent-Length: 05", b"\nContent-Length: +5",
    b"\nTransfer-Encoding: chunked", b"\nTransfer-Encoding: gzip, chunked", b"\nContent_Length: 5", b"\nContent.Length: 5", b"\nConnection: close",
    b"\nConnection: host", b"\nConnection: keep-alive, x-a", b"\nX-A: b", b"\nConnection: Upgrade\nUpgrade: websocket", b"\nUpgrade: h2c", b"\nExpect: 100-continue",
    b"\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 13", b"\nTE: trailers", b"\nTE: gzip", b"\nExeat-Agent: liar", b"\nexeat_agent: liar",
    b"\nexeat.agent: liar", b"\nX-Forwarded-Host: evil.test", b"\nX_Forwarded.Host: evil.test", b"\nProxy-Authorization: Basic eDp5", b"\nVia: 1.1 x",
    b"\nX-HTTP-Method-Override: DELETE", b"\nX.HTTP.Method.Override: DELETE", b"\nCookie: a=b; session_id=c", b"\nAuthorization: Bearer x", b"\nTraceparent: 00-x",
    b"\n: empty", b"\nX A: b", b"\nX: a\rb", b"\nX: a\0b", b"\nX: \xff", b"\nX:  b", b"\n:authority: api.example.test", b"\n:scheme: http", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"PLAIN", b"TUNNEL ",
    b"GET ", b"POST ", b"TRACE ", b"get ",
)  # fmt: skip
FRAMES = (
    b"\r\n", b"\n", b"\r", b"\0", b"\t", b" ", b"\x0b", b"\x0c", b"\x85", b":", b";", b"0\r\n\r\n", b"0\n\r\n", b"0\r\n\n", b"0\r\n", b"5\r\nhello\r\n",
    b"5;a=b\r\nhello\r\n", b'5;a="\r\n"\r\nhello\r\n', b"5;a\rb\r\nhello\r\n", b"5 \r\nhello\r\n", b"05\r\nhello\r\n", b"0x5\r\nhello\r\n", b"+5\r\n", b"5_0\r\n",
    b"ffffffff\r\n", b"ffffffffffffffff\r\n", b"Transfer-Encoding: chunked\r\n", b"transfer-encoding: Chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 05\r\n",
    b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 5 \r\n", b"Content_Length: 5\r\n", b"Host: api.example.test\r\n", b"Host: evil.test\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"GET ", b"POST ",
    b"CONNECT ", b"GET /b HTTP/1.1\r\nHost: api.example.test\r\n\r\n", b"X-A: 1\r\n", b" folded\r\n", b"\tfolded\r\n", b"X: \xff\r\n", b"X:\r\n", b"X: a\x01\r\n",
)  # fmt: skip
