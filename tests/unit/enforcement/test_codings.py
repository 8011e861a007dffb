"""Coded bodies are undone as a stream; what isn't what it says, ends early or explodes is cut, in bounded memory."""

from __future__ import annotations

import gzip
import random
import sys
import zlib

import brotli
import pytest

from exeat.enforcement.answers.codings import CodedBody
from exeat.enforcement.answers.scrub import AnswerError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RAW = bytes(random.Random(7).randrange(60, 90) for _ in range(200_000)) + b"a" * 500_000


class Through:
    def __init__(self) -> None:
        self.largest = 0

    def feed(self, chunk: bytes) -> bytes:
        self.largest = max(self.largest, len(chunk))
        return chunk


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODE = {
    "gzip": (b"gzip", gzip.compress),
    "gzip in members": (b"x-gzip", lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:])),
    "deflate": (b"deflate", zlib.compress),
    "deflate without its wrapper": (b"deflate", bare_deflate),
    "br": (b"br", brotli.compress),
    "zstd": (b"zstd", zstd.compress),
    "zstd in frames": (b"zstd", lambda data: zstd.compress(data[:1000]) + zstd.compress(data[1000:])),
}


def undo(coding: bytes, data: bytes, size: int) -> bytes:
    through = Through()
    body = CodedBody(coding, through)
    out = [body.feed(data[at : at + size]) for at in range(0, len(data), size)]
    out.append(body.feed(b""))
    assert through.largest <= 128 * 1024
    return b"".join(out)


@pytest.mark.parametrize("name", ENCODE)
@pytest.mark.parametrize("size", [1, 13, 4096, 10**9])
def test_every_coding_is_undone_however_it_is_cut(name: str, size: int) -> None:
    coding, encode = ENCODE[name]
    raw = RAW if size > 1 else RAW[:3000] + RAW[-3000:]
    assert undo(coding, encode(raw), size) == raw


@pytest.mark.parametrize("name", ENCODE)
def test_a_body_without_a_byte_is_empty(name: str) -> None:
    assert undo(ENCODE[name][0], b"", 1) == b""


@pytest.mark.parametrize("name", ENCODE)
@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-12], lambda data: b"plain text, not coded", lambda data: data + b"more"]
)
def test_what_isnt_what_it_says_is_cut(name, spoil) -> None:
    coding, encode = ENCODE[name]
    with pytest.raises(AnswerError):
        undo(coding, spoil(encode(RAW[:5000])), 4096)


@pytest.mark.guard("decompression-ratio")
@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_cut_after_a_bounded_amount(name: str) -> None:
    coding, encode = ENCODE[name]
    bomb = encode(b"\0" * 100_000_000)
    body, sent = CodedBody(coding, Through()), 0
    pieces = (bomb[at : at + 4096] for at in range(0, len(bomb), 4096))
    try:
        for piece in pieces:
            sent += len(body.feed(piece))
    except AnswerError:
        pieces = None
    assert pieces is None, "nobody cut it"
    assert sent <= 1024 * 1024 + 100 * len(bomb)


def test_a_window_larger_than_http_allows_is_refused() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    packed = packer.compress(random.Random(1).randbytes(1000)) + packer.flush()
    with pytest.raises(AnswerError):
        undo(b"zstd", packed, 4096)
