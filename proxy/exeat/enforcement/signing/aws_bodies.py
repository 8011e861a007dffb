"""Bodies whose signature goes ahead of them: checked against the hash that was signed, or signed anew piece by piece.

The last piece of a checked body is held back until the hash agrees, so that no origin takes what wasn't signed for whole.
Cites: AWS, "Signature calculations for the Authorization header: transferring payload in multiple chunks" (S3 API reference).
Must not know: any engine, whose keys sign.
"""

from __future__ import annotations

import hashlib
import re
from typing import final

from exeat.enforcement.signing import UnfitBodyError
from exeat.sigv4 import ChunkChain

LARGEST = 8 * 1024 * 1024
"""Bytes of one signed piece: its signature stands before it, so the whole piece is kept. SDKs send 64 KiB to 1 MiB."""
_HEAD = re.compile(rb"(?P<size>[0-9a-fA-F]{1,8});chunk-signature=(?P<signature>[0-9a-f]{64})\r\n")
_LONGEST_HEAD = 8 + len(b";chunk-signature=") + 64 + 2
_TRAILER = re.compile(
    rb"(?P<lines>(?:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}:[\t\x20-\x7e]{0,1024}\n?\r\n){1,16})"
    rb"x-amz-trailer-signature:(?P<signature>[0-9a-f]{64})\n?\r\n(?:\r\n)?"
)
_LONGEST_TRAILER = 8192


@final
class HashedBody:
    """A body of which the SHA-256 was signed."""

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._hash = hashlib.sha256()
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the piece before this one."""
        self._hash.update(chunk)
        going, self._held = self._held, chunk
        return going

    def end(self) -> bytes:
        """Return the last piece, if all of it is what was signed."""
        if self._hash.hexdigest() != self._expected:
            raise UnfitBodyError("the body is not what x-amz-content-sha256 says")
        return self._held


@final
class ResignedBody:
    """A body in signed pieces (``aws-chunked``): each gets our signature for the agent's. Its length stays the same."""

    def __init__(self, chain: ChunkChain, *, trailer: bool) -> None:
        self._chain = chain
        self._trailer = trailer
        self._kept = bytearray()
        self._last = False

    def feed(self, chunk: bytes) -> bytes:
        """Return every piece that is whole by now."""
        self._kept += chunk
        if self._last:
            if len(self._kept) > (_LONGEST_TRAILER if self._trailer else 2):
                raise UnfitBodyError("something follows the last signed piece")
            return b""
        going = []
        while piece := self._next():
            going.append(piece)
        return b"".join(going)

    def end(self) -> bytes:
        """Return the trailer, if there is to be one."""
        if not self._last:
            raise UnfitBodyError("the body ends before its last signed piece")
        if not self._trailer:
            if self._kept != b"\r\n":
                raise UnfitBodyError("something follows the last signed piece")
            return b"\r\n"
        match = _TRAILER.fullmatch(self._kept)
        if match is None:
            raise UnfitBodyError("not a signed trailer")
        lines = b"".join(line.strip(b"\n") + b"\n" for line in match["lines"].split(b"\r\n") if line)
        start, stop = match.span("signature")
        return bytes(self._kept[:start]) + self._chain.trailer(lines).encode("ascii") + bytes(self._kept[stop:])

    def _next(self) -> bytes:
        if self._last:
            return b""
        end = self._kept.find(b"\r\n", 0, _LONGEST_HEAD)
        if end < 0:
            if len(self._kept) >= _LONGEST_HEAD:
                raise UnfitBodyError("not a piece signed as aws-chunked")
            return b""
        match = _HEAD.fullmatch(self._kept, 0, end + 2)
        if match is None:
            raise UnfitBodyError("not a piece signed as aws-chunked")
        size = int(match["size"], 16)
        if size > LARGEST:
            raise UnfitBodyError(f"a signed piece of more than {LARGEST} bytes")
        begin = end + 2
        if not size:
            self._last = True
        elif len(self._kept) < begin + size + 2:
            return b""
        elif self._kept[begin + size : begin + size + 2] != b"\r\n":
            raise UnfitBodyError("a signed piece is longer than it says")
        data = bytes(self._kept[begin : begin + size])
        signed = b"%s;chunk-signature=%s\r\n" % (match["size"], self._chain.chunk(data).encode("ascii"))
        del match  # it holds on to what is taken out now
        del self._kept[: begin + (size + 2 if size else 0)]
        return signed + data + b"\r\n" if size else signed
