"""The SOCKS5 greeting, byte for byte, in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.enforcement.ways.socks import Socks

NO_AUTH, PASSWORD = b"\x05\x01\x00", b"\x05\x02\x00\x02"
NAME = b"\x05\x01\x00\x03\x10api.example.test\x01\xbb"


def talk(data: bytes, *, password: bool = True, piece: int = 0) -> tuple[Socks, bytes, str]:
    """Feed a whole conversation; return (greeting, what was answered, why it failed)."""
    socks = Socks(password=password)
    said, failed = b"", ""
    size = piece or len(data) or 1
    for start in range(0, len(data), size):
        for reply in socks.feed(data[start : start + size]):
            said += reply.data
            failed = failed or reply.failed
        if failed:
            break
    return socks, said, failed


@pytest.mark.parametrize("piece", [0, 1, 2, 3])
def test_a_name_is_asked_for_without_a_password(piece: int) -> None:
    socks, said, failed = talk(NO_AUTH + NAME, piece=piece)
    assert (socks.target, said, failed) == (("api.example.test", 443), b"\x05\x00", "")
    assert socks.granted() == b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@pytest.mark.parametrize("piece", [0, 1])
def test_a_password_is_asked_for_where_it_can_be_one(piece: int) -> None:
    socks, said, _ = talk(PASSWORD + b"\x01\x04user\x06secret" + NAME, piece=piece)
    assert said == b"\x05\x02\x01\x00"
    assert (socks.user, socks.password) == (b"user", b"secret")
    _, said, _ = talk(PASSWORD + NAME, password=False, piece=piece)
    assert said == b"\x05\x00"


def test_addresses_are_read_as_they_are() -> None:
    assert talk(NO_AUTH + b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50")[0].target == ("127.0.0.1", 80)
    assert talk(NO_AUTH + b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50")[0].target == ("::1", 80)


def test_what_follows_the_greeting_is_kept() -> None:
    assert talk(NO_AUTH + NAME + b"\x16\x03\x01")[0].rest == b"\x16\x03\x01"


@pytest.mark.parametrize(
    ("data", "said", "why"),
    [
        (b"\x04\x01\x01\xbb", b"", "not SOCKS5"),
        (b"GET / HTTP/1.1\r\n\r\n", b"", "not SOCKS5"),
        (b"\x05\x01\x01", b"\x05\xff", "authenticate"),
        (b"\x05\x00", b"\x05\xff", "authenticate"),
        (PASSWORD + b"\x05\x01a\x01b", b"\x05\x02\x01\x01", "user name"),
        (NO_AUTH + b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x07", "CONNECT"),
        (NO_AUTH + b"\x05\x03\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x07", "CONNECT"),
        (NO_AUTH + b"\x05\x01\x00\x05\x7f\x00\x00\x01\x00\x50", b"\x05\x08", "address"),
        (NO_AUTH + b"\x04\x01\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x01", "malformed"),
        (NO_AUTH + b"\x05\x01\x01\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x01", "malformed"),
        (NO_AUTH + b"\x05\x01\x00\x03\x04\xc3\xa4bc\x00\x50", b"\x05\x01", "ASCII"),
    ],
)
def test_what_is_not_spoken_here_fails(data: bytes, said: bytes, why: str) -> None:
    socks, answered, failed = talk(data)
    assert why in failed
    assert said in answered
    assert socks.target is None


def test_a_greeting_has_an_end() -> None:
    _, _, failed = talk(b"\x05\xff" + bytes(100), piece=1)
    assert failed == ""
    socks = Socks(password=True)
    assert not any(reply.failed for reply in socks.feed(b"\x05\x01"))
    assert socks.feed(bytes(3000))[-1].failed


@given(st.binary(max_size=600), st.booleans(), st.integers(1, 7))
def test_nothing_raises_and_pieces_change_nothing(data: bytes, password: bool, piece: int) -> None:
    whole, pieces = talk(data, password=password), talk(data, password=password, piece=piece)
    assert (whole[0].target, whole[1]) == (pieces[0].target, pieces[1])
    assert bool(whole[2]) == bool(pieces[2])
