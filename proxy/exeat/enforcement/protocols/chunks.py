"""A chunked body, read in the one way that all servers share (RFC 9112 §7.1), or not at all.

Stricter than h11's reader, which takes bare line feeds and folded lines among trailers, any octets behind ``;``, and lines
without an end: where two readers see different ends, a second request hides between them (security matrix S04 to S07).
Must not know: whose body it is, what it means.
"""

from __future__ import annotations

import re
from typing import Any

import h11

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]*"'
_EXTENSIONS = rb"(?:;%b(?:=(?:%b|%b))?)*\r\n" % (_TOKEN, _TOKEN, _QUOTED)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})" + _EXTENSIONS)
_PADDED_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[\t\x20]*" + _EXTENSIONS)
"""Some old servers write blanks behind the size."""
_TRAILER = re.compile(rb"(%b):([\t\x20-\x7e\x80-\xff]*)\r\n" % _TOKEN)
_LONGEST_SIZE = 512
"""Bytes of a line that gives a size; nobody is known to use extensions."""
_LONGEST_TRAILERS = 16 * 1024
"""Bytes of all trailers: a checksum or a status each, and nginx's default for a whole head."""


class ChunkReader:
    """Stands where h11's reader of chunks does: called with a buffer, it returns the next event or None.

    Trailers aren't part of the last event but kept in ``trailers``. Raise h11.RemoteProtocolError for anything malformed.
    """

    def __init__(self, *, padded: bool = False) -> None:
        self._size = _PADDED_SIZE if padded else _SIZE
        self._left = 0
        self._due = b""  # of the line end behind a chunk
        self._last = False
        self._trailers: list[tuple[bytes, bytes]] = []
        self._room = _LONGEST_TRAILERS

    @property
    def trailers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The fields that came behind the last chunk."""
        return tuple(self._trailers)

    def __call__(self, buffer: Any) -> h11.Data | h11.EndOfMessage | None:
        """The next event in an h11 ReceiveBuffer, or None where more bytes are needed."""
        if self._due and not self._end_chunk(buffer):
            return None
        if not self._left and not self._last:
            line = _line(buffer, _LONGEST_SIZE)
            if line is None:
                return None
            match = self._size.fullmatch(line)
            if match is None:
                raise h11.RemoteProtocolError("malformed chunk size")
            self._left = int(match[1], 16)
            self._last = not self._left
        if self._last:
            return h11.EndOfMessage() if self._end_message(buffer) else None
        data = buffer.maybe_extract_at_most(self._left)
        if data is None:
            return None
        self._left -= len(data)
        self._due = b"" if self._left else b"\r\n"
        return h11.Data(data=data)

    def read_eof(self) -> h11.EndOfMessage:
        """The peer has closed, which never ends a body of chunks."""
        raise h11.RemoteProtocolError("closed in the midst of a chunked body")

    def _end_chunk(self, buffer: Any) -> bool:
        found = bytes(buffer.maybe_extract_at_most(len(self._due)) or b"")
        if not self._due.startswith(found):
            raise h11.RemoteProtocolError("a chunk longer than its size")
        self._due = self._due[len(found) :]
        return not self._due

    def _end_message(self, buffer: Any) -> bool:
        while (line := _line(buffer, self._room)) is not None:
            if line == b"\r\n":
                return True
            match = _TRAILER.fullmatch(line)
            if match is None:
                raise h11.RemoteProtocolError("malformed trailer")
            self._room -= len(line)
            self._trailers.append((match[1], match[2].strip(b" \t")))
        return False


def _line(buffer: Any, longest: int) -> bytes | None:
    """The next line with its end, or None while it has none; raise h11.RemoteProtocolError when it is too long."""
    line = buffer.maybe_extract_next_line()
    if len(buffer if line is None else line) > longest:
        raise h11.RemoteProtocolError("too much beside the chunks")
    return None if line is None else bytes(line)
