"""Bodies that were signed: whatever the pieces they come in, what leaves is what was signed, or it doesn't end well."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.enforcement.signing import UnfitBodyError
from exeat.enforcement.signing.aws_bodies import LARGEST, HashedBody, ResignedBody
from exeat.model.secret import Secret
from exeat.sigv4 import AwsKeys, ChunkChain, Scope

SCOPE = Scope("20261124T120000Z", "eu-central-1", "s3")
AGENT, OURS = AwsKeys("AKIAEXEAT", Secret("a")), AwsKeys("ASIAOURS", Secret("b"))
TRAILER = b"x-amz-checksum-crc32:wHNwmQ==\n"


def chunked(keys: AwsKeys, seed: str, pieces: list[bytes], *, trailer: bool) -> bytes:
    """A body as a client with these keys sends it."""
    chain, body = ChunkChain(keys, SCOPE, seed), b""
    for piece in (*pieces, b""):
        body += b"%x;chunk-signature=%s\r\n" % (len(piece), chain.chunk(piece).encode())
        body += piece + b"\r\n" if piece else b""
    if not trailer:
        return body + b"\r\n"
    return body + TRAILER.strip() + b"\r\nx-amz-trailer-signature:" + chain.trailer(TRAILER).encode() + b"\r\n\r\n"


def passed(body, sent: bytes, cuts: list[int]) -> bytes:
    """What leaves when it comes in pieces."""
    at, out = 0, b""
    for cut in sorted({min(cut, len(sent)) for cut in cuts} | {len(sent)}):
        if cut > at:
            out += body.feed(sent[at:cut])
        at = cut
    return out + body.end()


PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
CUTS = st.lists(st.integers(0, 500), max_size=8)


@given(pieces=PIECES, cuts=CUTS, trailer=st.booleans())
def test_each_piece_is_signed_anew(pieces, cuts, trailer):
    """The agent's chain goes in, ours comes out, and nothing else is changed, whatever the cuts."""
    body = ResignedBody(ChunkChain(OURS, SCOPE, "2" * 64), trailer=trailer)
    sent = chunked(AGENT, "1" * 64, pieces, trailer=trailer)
    assert passed(body, sent, cuts) == chunked(OURS, "2" * 64, pieces, trailer=trailer)


@given(pieces=PIECES, cuts=CUTS, at=st.integers(0, 10_000), more=st.binary(max_size=3))
def test_a_body_framed_otherwise_does_not_end_well(pieces, cuts, at, more):
    """Cut short, or with something in the middle: it ends with an error, or the framing is as good as before."""
    sent = chunked(AGENT, "1" * 64, pieces, trailer=False)
    broken = sent[: at % len(sent)] + more
    try:
        out = passed(ResignedBody(ChunkChain(OURS, SCOPE, "2" * 64), trailer=False), broken, cuts)
    except UnfitBodyError:
        return
    assert len(out) == len(broken)
    assert out.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "sent",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"%x;chunk-signature=" % (LARGEST + 1) + b"0" * 64 + b"\r\n",
        b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\nmore",
        b"x" * 200,
    ],
)
def test_what_is_no_signed_piece_is_refused(sent):
    """Unsigned pieces, too large ones, and what follows the last."""
    body = ResignedBody(ChunkChain(OURS, SCOPE, "2" * 64), trailer=False)
    with pytest.raises(UnfitBodyError):
        passed(body, sent, [])


@given(pieces=PIECES)
def test_the_last_piece_waits_for_the_hash(pieces):
    """All of a body passes when it is what was signed; else its last piece never does."""
    whole = b"".join(pieces)
    body, out = HashedBody(hashlib.sha256(whole).hexdigest()), b""
    for piece in pieces:
        out += body.feed(piece)
    assert out == whole[: len(whole) - len(pieces[-1])] if pieces else not out
    assert out + body.end() == whole
    other = HashedBody("0" * 64)
    for piece in pieces:
        other.feed(piece)
    with pytest.raises(UnfitBodyError):
        other.end()
