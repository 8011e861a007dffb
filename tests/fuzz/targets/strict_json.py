"""Strict JSON: what Exeat reads, the standard library's strictest reading reads the same."""

from __future__ import annotations

from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import read_json
from fuzz.kit.standard_json import by_the_standard_library, same

TOKENS = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b'"a"', b'"\\u0061"', b'"a":', b'"A":', b"-0", b"1e5", b"1e999", b"-1E-400", b"01", b"1.", b".5", b"true", b"null",
    b"NaN", b"Infinity", b"//", b"/*", b" ", b"\n", b"\0", b"\x0b", b'"\\ud800"', b'"\\ud83d\\ude00"', b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b'"\\""', b'"\\\\"',
    b"99999999999999999999", b"9007199254740993", b"[" * 70, b"]" * 70, b"\xe2\x80\xa8",
)  # fmt: skip


def check(data: bytes) -> None:
    try:
        ours = read_json(data)
    except UnreadableError as error:
        assert error.detail
        return
    theirs = by_the_standard_library(data)
    assert not isinstance(theirs, Exception), theirs
    assert same(ours, theirs)
