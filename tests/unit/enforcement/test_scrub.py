"""What an origin sends back never shows the token, in any listed form, however it is cut."""

from __future__ import annotations

import base64
import json
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.enforcement.answers.forms import NO_NEEDLES, Needles
from exeat.enforcement.answers.scrub import PartScrubber, Scrubber, mask_fields
from exeat.model.secret import Secret

TOKEN = "tok/en+with.odd_chars-0123456789=="
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJib3QifQ.Zk3Y0-1w8o2Qb6mJ_4c9pXv7sLrTq5uNdEhGfKjBaWyIoPzR3t6xV8n1m2l0kA"
NEEDLES = Needles((Secret(TOKEN),))


def scrub(chunks: list[bytes], needles: Needles = NEEDLES) -> bytes:
    scrubber = Scrubber(needles)
    return b"".join([*(scrubber.feed(chunk) for chunk in chunks if chunk), scrubber.feed(b"")])


def every(pattern: str, value: str) -> str:
    return "".join(one if one.isalnum() else pattern.format(ord(one)) for one in value)


FORMS = {
    "raw": str,
    "percent": lambda value: quote(value, safe=""),
    "percent-path": quote,
    "form": quote_plus,
    "percent-lower": lambda value: every("%{:02x}", value),
    "percent-twice": lambda value: quote(quote(value, safe=""), safe=""),
    "json": lambda value: json.dumps(value)[1:-1],
    "json-slash": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "json-gson": lambda value: value.replace("=", "\\u003d").replace("+", "\\u002b"),
    "javascript": lambda value: every("\\x{:02X}", value),
    "unicode": lambda value: every("\\u{:04x}", value),
    "html": escape,
    "html-hex": lambda value: every("&#x{:X};", value),
    "html-decimal": lambda value: every("&#{};", value),
    "hex": lambda value: value.encode().hex(),
    "hex-upper": lambda value: value.encode().hex().upper(),
    **{
        f"base64-{shift}": lambda value, shift=shift: base64.b64encode(b"x" * shift + value.encode() + b"yz").decode()
        for shift in range(3)
    },
    "base64url": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
}


@pytest.mark.guard("token-forms")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [TOKEN, JWT])
def test_every_listed_form_is_masked_across_any_chunk_border(form: str, value: str) -> None:
    shown = FORMS[form](value).encode()
    body = b'{"seen": "' + shown + b'", "ok": true}'
    for size in (1, 7, 64, 4096):
        out = scrub([body[at : at + size] for at in range(0, len(body), size)], Needles((Secret(value),)))
        assert len(out) == len(body)
        assert shown[8:-8] not in out
        assert out.count(b"*") >= len(shown) - 12
        assert out.startswith(b'{"seen": "')
        assert out.endswith(b'", "ok": true}')


def test_of_a_jwt_the_signature_alone_is_masked_too() -> None:
    head, payload, signature = JWT.split(".")
    out = scrub([json.dumps([head, payload, signature]).encode()], Needles((Secret(JWT),)))
    assert signature.encode() not in out
    assert payload.encode() in out


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(0, 12))
@settings(max_examples=200)
def test_cutting_differently_changes_nothing(chunks: list[bytes], at: int) -> None:
    chunks.insert(min(at, len(chunks)), TOKEN.encode())
    whole = b"".join(chunks)
    assert scrub(chunks) == scrub([whole]) == NEEDLES.mask(whole)


@given(st.lists(st.binary(max_size=200), max_size=10))
@settings(max_examples=100)
def test_what_holds_no_token_passes_untouched(chunks: list[bytes]) -> None:
    assert scrub(chunks) == b"".join(chunks)


def test_a_stream_isnt_held_back_when_nothing_looks_like_the_token() -> None:
    assert Scrubber(NEEDLES).feed(b"data: hello\n\n") == b"data: hello\n\n"


@given(st.text(min_size=8, max_size=60), st.binary(max_size=30))
@settings(max_examples=300, deadline=None)
def test_whatever_the_secret_it_doesnt_come_through(value: str, around: bytes) -> None:
    shown = value.encode("utf-8", "surrogateescape")
    out = scrub([around, *(shown[at : at + 3] for at in range(0, len(shown), 3)), around], Needles((Secret(value),)))
    assert len(out) == len(shown) + 2 * len(around)
    assert shown not in out or set(shown) <= {ord("*")}


def test_several_secrets_are_looked_for_at_once_and_too_short_ones_by_nobody() -> None:
    needles = Needles((Secret(TOKEN), Secret("another-secret-1"), Secret("short")))
    assert scrub([f"{TOKEN} another-secret-1 short".encode()], needles) == b"*" * 34 + b" " + b"*" * 16 + b" short"
    assert not NO_NEEDLES


def test_fields_are_covered_in_names_and_values() -> None:
    fields = ((b"x-" + TOKEN.encode(), b"1"), (b"location", b"/?t=" + quote(TOKEN, safe="").encode()))
    assert TOKEN.encode() not in repr(mask_fields(fields, NEEDLES)).encode()
    plain = ((b"x", b"y"),)
    assert mask_fields(plain, NEEDLES) is plain


WHOLE = b"a" * 100 + TOKEN.encode() + b"b" * 100


def part(first: int, last: int) -> bytes:
    scrubber = PartScrubber(NEEDLES, left=first > 0, right=last < len(WHOLE))
    piece = WHOLE[first:last]
    return b"".join([scrubber.feed(piece[:5]), scrubber.feed(piece[5:]), scrubber.feed(b"")])


@pytest.mark.guard("part-edges")
@pytest.mark.parametrize("cut", range(100, 135))
def test_two_parts_dont_make_a_secret(cut: int) -> None:
    left, right = part(0, cut), part(cut, len(WHOLE))
    together = left + right
    assert len(together) == len(WHOLE)
    assert TOKEN[8:-8].encode() not in together
    shown = [one for one in together if one not in b"*ab"]
    assert len(shown) < 16


def test_a_part_at_the_edge_of_the_whole_keeps_its_ends() -> None:
    assert part(0, 50) == b"a" * 50
    assert part(150, len(WHOLE)) == WHOLE[150:]
