"""Content codings undone as a stream, in bounded memory: what is compressed can't be searched (RFC 9110 §8.4).

A body that is longer than it may be for what was received, isn't what it says, or ends early is cut. Must not know: any
engine, what is searched for.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import brotli

from exeat.enforcement.answers.scrub import AnswerError, BodyReader

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE = 64 * 1024
"""Bytes decoded at a time."""
_FREE = 1024 * 1024
_RATIO = 100
"""Decoded bytes for each received one, beyond the first MiB: ten times what text compresses to, a tenth of a bomb."""
_ZSTD_WINDOW = 23
"""8 MiB, the most that a zstd content coding may ask for (RFC 9659 §3)."""


class _Deflating:
    """gzip (RFC 1952, any number of members) and deflate (RFC 1950; many servers send RFC 1951)."""

    def __init__(self, make: Callable[[bytes], Any]) -> None:
        self._make = make
        self._inner: Any = None
        self._early = b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        data = self._early + data
        self._early = b""
        while data:
            if self._inner is None or self._inner.eof:
                if len(data) < 2:
                    self._early = data
                    return
                self._inner = self._make(data)
            piece = self._inner.decompress(data, _PIECE)
            data = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            yield piece
            if not piece and not self._inner.eof and not data:
                return
        while self._inner is not None and not self._inner.eof and (piece := self._inner.decompress(b"", _PIECE)):
            yield piece

    @property
    def ended(self) -> bool:
        return not self._early and (self._inner is None or self._inner.eof)


def _gzip(_: bytes) -> Any:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _deflate(data: bytes) -> Any:
    wrapped = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


class _Brotli:
    """RFC 7932."""

    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self._begun = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(data)
        piece = self._inner.process(data, output_buffer_limit=_PIECE)
        while piece or not self._inner.can_accept_more_data():
            yield piece
            following = self._inner.process(b"", output_buffer_limit=_PIECE)
            if not piece and not following:
                raise brotli.error("no progress")
            piece = following

    @property
    def ended(self) -> bool:
        return not self._begun or self._inner.is_finished()


class _Zstd:
    """RFC 8878, any number of frames."""

    def __init__(self) -> None:
        self._inner: Any = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data or (self._inner is not None and not self._inner.eof and not self._inner.needs_input):
            if self._inner is None or self._inner.eof:
                self._inner = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW})
            piece = self._inner.decompress(data, _PIECE)
            data = self._inner.unused_data if self._inner.eof else b""
            yield piece

    @property
    def ended(self) -> bool:
        return self._inner is None or self._inner.eof


CODINGS: Mapping[bytes, Callable[[], Any]] = {
    b"gzip": lambda: _Deflating(_gzip),
    b"x-gzip": lambda: _Deflating(_gzip),
    b"deflate": lambda: _Deflating(_deflate),
    b"br": _Brotli,
    b"zstd": _Zstd,
}
"""The codings that are undone; ``compress``, dictionaries and what has no name here are not."""


@final
class CodedBody:
    """A coded body, decoded and then read by ``inner``."""

    __slots__ = ("_decoder", "_inner", "_left")

    def __init__(self, coding: bytes, inner: BodyReader) -> None:
        self._decoder = CODINGS[coding]()
        self._inner = inner
        self._left = _FREE

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on now; an empty chunk ends the body. Raise AnswerError for a body that must be cut."""
        if not chunk:
            if not self._decoder.ended:
                raise AnswerError("a coded body ended early")
            return self._inner.feed(b"")
        self._left += _RATIO * len(chunk)
        pieces = []
        try:
            for piece in self._decoder.decode(chunk):
                self._left -= len(piece)
                if self._left < 0:
                    raise AnswerError("a coded body grows beyond all measure")
                if piece:
                    pieces.append(self._inner.feed(piece))
        except (zlib.error, brotli.error, zstd.ZstdError, EOFError):
            raise AnswerError("a coded body is not what it says") from None
        return b"".join(pieces)
