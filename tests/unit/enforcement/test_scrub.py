"""What an origin sends back never shows the token, however it is cut."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.enforcement.scrub import Scrubber, forms, mask
from exeat.model.secret import Secret

TOKEN = "tok/en+with.odd_chars-0123456789=="
NEEDLES = forms(Secret(TOKEN))


def scrub(chunks: list[bytes]) -> bytes:
    scrubber = Scrubber(NEEDLES)
    return b"".join([*(scrubber.feed(chunk) for chunk in chunks if chunk), scrubber.feed(b"")])


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        TOKEN.replace("/", "\\/"),
        TOKEN.encode().hex(),
        TOKEN.encode().hex().upper(),
        base64.b64encode(TOKEN.encode()).decode(),
        base64.urlsafe_b64encode(TOKEN.encode()).decode(),
        base64.b64encode(b"user:" + TOKEN.encode()).decode(),
        base64.b64encode(b"{'a': '" + TOKEN.encode() + b"'}").decode(),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_every_listed_form_is_masked_across_any_chunk_border(form: str, size: int) -> None:
    body = b'{"seen": "' + form.encode() + b'", "ok": true}'
    out = scrub([body[at : at + size] for at in range(0, len(body), size)])
    assert len(out) == len(body)
    middle = form[8:-8].encode()
    assert middle not in out
    assert out.startswith(b'{"seen": "')
    assert out.endswith(b'", "ok": true}')


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(0, 12))
@settings(max_examples=200)
def test_cutting_differently_changes_nothing(chunks: list[bytes], at: int) -> None:
    chunks.insert(min(at, len(chunks)), TOKEN.encode())
    whole = b"".join(chunks)
    assert scrub(chunks) == scrub([whole]) == mask(whole, NEEDLES)


@given(st.lists(st.binary(max_size=200), max_size=10))
@settings(max_examples=100)
def test_what_holds_no_token_passes_untouched(chunks: list[bytes]) -> None:
    assert scrub(chunks) == b"".join(chunks)


def test_a_stream_isnt_held_back_when_nothing_looks_like_the_token() -> None:
    assert Scrubber(NEEDLES).feed(b"data: hello\n\n") == b"data: hello\n\n"


def test_a_finding_is_noted() -> None:
    scrubber = Scrubber(NEEDLES)
    scrubber.feed(TOKEN.encode())
    scrubber.feed(b"")
    assert scrubber.found
