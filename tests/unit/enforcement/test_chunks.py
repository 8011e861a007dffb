"""A chunked body has one end for every server, and nothing beside its data takes memory without a bound."""

from __future__ import annotations

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer

from exeat.enforcement.protocols.chunks import ChunkReader


def read(data: bytes, size: int = 0, **options: bool):
    """(body, trailers, what is left) of a whole body, fed in pieces of ``size`` bytes or at once."""
    reader, buffer, body = ChunkReader(**options), ReceiveBuffer(), b""
    for at in range(0, len(data), size or len(data)):
        buffer += data[at : at + (size or len(data))]
        while (event := reader(buffer)) is not None:
            if isinstance(event, h11.EndOfMessage):
                return body, reader.trailers, bytes(buffer) + data[at + (size or len(data)) :]
            body += bytes(event.data)
    raise EOFError


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"0\r\n\r\nnext", (b"", (), b"next")),
        (b"5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n", (b"helloabc", (), b"")),
        (b'A;a=b;c="d e";f\r\n0123456789\r\n0;z\r\n\r\n', (b"0123456789", (), b"")),
        (b"00000005\r\nhello\r\n00\r\nX-Sum:\t1 2 \r\nX-Empty:\r\n\r\nGET", (b"hello", ((b"X-Sum", b"1 2"), (b"X-Empty", b"")), b"GET")),
        (b"2\r\n\r\n\r\n0\r\n\r\n", (b"\r\n", (), b"")),
    ],
)  # fmt: skip
def test_a_body_of_chunks_is_read_however_it_is_cut(data, expected, size):
    assert read(data, size) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhelloo\r\n0\r\n\r\n", b"5\r\nhello\r\n\r\n0\r\n\r\n",
        b"\r\n", b"x\r\n", b"0x5\r\nhello\r\n", b"+5\r\nhello\r\n", b"-5\r\n", b"5_0\r\n", b" 5\r\nhello\r\n", b"5 \r\nhello\r\n", b"5\t\r\nhello\r\n",
        b"000000005\r\nhello\r\n", b"fffffffff\r\n", b"5;\r\nhello\r\n", b"5;a\rb\r\nhello\r\n", b"5;a\nb\r\nhello\r\n", b"5;a\0\r\nhello\r\n",
        b'5;a="b\r\n"\r\nhello\r\n', b'5;a="b\\""\r\nhello\r\n', b"5 ;a\r\nhello\r\n", b"5;a b\r\nhello\r\n",
        b"0\r\n\n\r\n", b"0\r\nX: 1\n\r\n", b"0\r\nX: 1\r\n 2\r\n\r\n", b"0\r\n X: 1\r\n\r\n", b"0\r\nX : 1\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\nX: \0\r\n\r\n",
        b"0\r\nX: a\rb\r\n\r\n", b"0\r\n: 1\r\n\r\n", b"0\n\r\n\r\n",
    ],
)  # fmt: skip
def test_chunks_that_two_servers_could_cut_differently_are_refused(data):
    for size in (0, 1):
        with pytest.raises(h11.RemoteProtocolError):
            read(data, size)


def test_old_origins_may_pad_their_sizes():
    assert read(b"5  \r\nhello\r\n0\r\n\r\n", padded=True) == (b"hello", (), b"")


@pytest.mark.guard("chunk-lines")
@pytest.mark.parametrize(
    "data", [b"5;" + b"a" * 600, b"5" * 600, b"0\r\n" + b"X" * 20_000, b"0\r\n" + b"X: 1234567890\r\n" * 2000]
)
def test_lines_beside_the_data_are_bounded(data):
    """Such a line used to be kept until it ended."""
    for size in (0, 100):
        with pytest.raises(h11.RemoteProtocolError):
            read(data, size)


def test_a_peer_that_goes_away_never_ends_a_body():
    with pytest.raises(h11.RemoteProtocolError):
        ChunkReader().read_eof()
