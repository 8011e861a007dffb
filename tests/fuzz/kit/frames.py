"""One HTTP/1 connection's bytes as two servers cut them that know nothing of Exeat: h11, and llhttp in aiohttp's binding."""

from __future__ import annotations

import asyncio
import atexit
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import h11
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

_TABBED = re.compile(rb"^transfer-encoding:[\t\x20]*chunked[\t\x20]+(?=\r\n)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Message:
    """A request: field names in lower case; ``body`` is None while its end hasn't come."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None


def by_h11(data: bytes) -> list[Message]:
    """The requests up to where h11 refuses to go on, or closes: it keeps no connection of HTTP/1.0."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20)
    peer.receive_data(data)
    found: list[Message] = []
    body = b""
    try:
        while True:
            event = peer.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED):
                return found
            if isinstance(event, h11.Request):
                body = b""
                found.append(Message(event.method.decode(), event.target, tuple(event.headers), None))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                last = found[-1]
                found[-1] = Message(last.method, last.target, last.headers, body)
                peer.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
                peer.send(h11.EndOfMessage())
                if peer.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    return found
                peer.start_next_cycle()
    except h11.ProtocolError:
        return found


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def by_llhttp(data: bytes) -> list[Message]:
    """The requests up to where llhttp refuses to go on.

    aiohttp gives none of a feed that it refuses in the end, so such bytes are fed once more, one by one; and it adds a
    message's trailers to the next one's fields, so the caller asks about one connection at most up to the first trailer.

    llhttp refuses a tab behind ``chunked``, which RFC 9110 §5.5 has taken off; Exeat takes it off before an origin sees it, so
    llhttp gets a blank there. In a body such a line is changed too: the caller takes a tab in one for a blank.
    """
    data = _TABBED.sub(lambda found: found[0].replace(b"\t", b" "), data)
    try:
        return _fed(data, len(data))
    except HttpProcessingError:
        return _fed(data, 1)


def _fed(data: bytes, size: int) -> list[Message]:
    parser = HttpRequestParser(
        BaseProtocol(_loop()), _loop(), 2**16, max_line_size=2**17, max_field_size=2**17, max_headers=1000
    )
    found: list[Any] = []
    for at in range(0, len(data), size or 1):
        try:
            messages, upgraded, _ = parser.feed_data(data[at : at + size])
        except HttpProcessingError:
            if size > 1:
                raise
            break
        found.extend(messages)
        if upgraded:
            break
    return [_message(head, payload) for head, payload in found]


def _message(head, payload) -> Message:
    whole = payload.is_eof() and payload.exception() is None
    return Message(
        head.method,
        head.path.encode("utf-8", "surrogateescape"),
        tuple((name.lower(), value) for name, value in head.raw_headers),
        b"".join(getattr(payload, "_buffer", ())) if whole else None,
    )
