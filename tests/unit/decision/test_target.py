"""A path or query with two readings is refused, in every spelling known (security matrix P01 to P03)."""

from __future__ import annotations

import pytest

from exeat.decision.target import read_path, read_query


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/", ()),
        (b"/a", ("a",)),
        (b"/a/", ("a", "")),
        (b"/a/b.c/d..e", ("a", "b.c", "d..e")),
        (b"/.well-known/x", (".well-known", "x")),
        (b"/a%20b/%C3%A9", ("a b", "é")),
        (b"/a%3fb%23c", ("a?b#c",)),
        (b"/50%25", ("50%",)),
        (b"/a%2Fb/c", ("a/b", "c")),
        (b"/a:b@c!$&'()*+,=~_-", ("a:b@c!$&'()*+,=~_-",)),
        (b"/a%3bb", ("a;b",)),
        (b"/%E6%97%A5%E6%9C%AC", ("日本",)),
        (b"/wait%E2%80%A6", ("wait…",)),
    ],
)
def test_a_path_is_kept_and_its_segments_decoded(path, segments):
    assert read_path(path) == (path.decode(), segments)


@pytest.mark.parametrize(
    "path",
    [
        b"", b"a", b"*", b"//", b"//a", b"/a//b", b"/a//", b"/a b", b"/a\tb", b"/a\x00", b"/a\x7f", b"/a\xff", "/é".encode(),
        b"/a\\b", b"/a#b", b"/a;b", b"/a;b=c/d", b"/a?b",
        b"/.", b"/..", b"/a/.", b"/a/../b", b"/./a", b"/..;/a", b"/%2e", b"/%2E%2e", b"/.%2e/a", b"/%2e./a", b"/..%3b/a", b"/.%3Bx",
        b"/%3bx", b"/..%20/a", b"/%20", b"/...",
        b"/a%2f", b"/%2Fb", b"/a%2f%2fb", b"/a%2f..%2fb", b"/..%2fa", b"/a%2F%2e", b"/a%2fb%5cc", b"/a%5cb", b"/a%5Cb", b"/a%00", b"/a%0d%0ab", b"/a%1f", b"/a%7f", b"/a%C2%85b",
        b"/%252e%252e/a", b"/a%252fb", b"/a%25252fb", b"/a%2500",
        b"/a%", b"/a%2", b"/a%zz", b"/a%u002f", b"/a%2 0",
        b"/%c0%ae%c0%ae/a", b"/%c0%af", b"/%e0%80%af", b"/%ff", b"/%ed%a0%80",
        b"/a%EF%BC%8Fb", b"/a%EF%BC%BCb", b"/%EF%BC%8E%EF%BC%8E/a", b"/%E2%80%A4%E2%80%A4", b"/a%EF%BC%852fb",
    ],
)  # fmt: skip
def test_a_path_with_two_readings_is_refused(path):
    with pytest.raises(ValueError, match=r"the (path|target)"):
        read_path(path)


@pytest.mark.parametrize("query", [b"", b"a=b", b"a=%2F%00&b[]=c|d;e+f?g/h\\i", b"%"[:0]])
def test_a_query_is_kept_as_it_is(query):
    assert read_query(query) == query.decode()


@pytest.mark.parametrize("query", [b"a b", b"a\tb", b"a\x00", b"\xff", b"a#b", b"%", b"%2", b"%zz", b"a%2 "])
def test_a_query_that_is_not_plain_text_is_refused(query):
    with pytest.raises(ValueError, match="the query"):
        read_query(query)
