"""Coded bodies: what is decoded is what the whole body decodes to, however it arrives; anything else is cut, and nothing grows
without measure.

The first line of a seed names the coding, as ``gzip``. A second line ``pack`` codes the rest first.
"""

from __future__ import annotations

import gzip
import zlib

import brotli

from exeat.enforcement.answers.codings import CODINGS, CodedBody, zstd
from exeat.enforcement.answers.forms import NO_NEEDLES
from exeat.enforcement.answers.scrub import AnswerError, Scrubber
from fuzz.kit.pieces import in_pieces

_PACK = {
    b"gzip": gzip.compress, b"x-gzip": gzip.compress, b"deflate": zlib.compress, b"br": brotli.compress, b"zstd": zstd.compress,
}  # fmt: skip
TOKENS = (
    *(name + b"\n" for name in CODINGS), b"pack\n", b"\x1f\x8b\x08\x00", b"\x1f\x8b", b"\x78\x9c", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\x00\x00\xff\xff", b"\x03\x00",
    b"\x0b\x02\x80", b"\x3b", b"\x06", b"\0" * 40, b"a" * 60,
)  # fmt: skip
_UNPACK = {
    b"gzip": gzip.decompress, b"x-gzip": gzip.decompress, b"deflate": zlib.decompress, b"br": brotli.decompress, b"zstd": zstd.decompress,
}  # fmt: skip


def check(data: bytes) -> None:
    coding, _, body = data.partition(b"\n")
    if coding not in CODINGS:
        return
    if body.startswith(b"pack\n"):
        body = _PACK[coding](body[5:])
    whole, pieces = _read(coding, [body]), _read(coding, in_pieces(body))
    assert (whole is None) == (pieces is None), "chunk borders matter"
    assert whole == pieces
    if whole is not None and body:
        assert _elsewhere(coding, body) in (whole, None)


def _read(coding: bytes, pieces: list[bytes]) -> bytes | None:
    """The decoded body, None where it was cut."""
    reader = CodedBody(coding, Scrubber(NO_NEEDLES))
    out = []
    try:
        for piece in pieces:
            if piece:
                out.append(reader.feed(piece))
        out.append(reader.feed(b""))
    except AnswerError:
        return None
    return b"".join(out)


def _elsewhere(coding: bytes, body: bytes) -> bytes | None:
    """As the libraries' own functions decode it; None where they refuse what a stream may be."""
    try:
        return _UNPACK[coding](body)
    except (OSError, EOFError, zlib.error, brotli.error, zstd.ZstdError):
        return None
