"""Known values are found however a body is cut, and what holds none passes byte for byte."""

from __future__ import annotations

import base64
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.enforcement.known_values import NOTHING_KNOWN, BodySearch, Found, KnownValues
from exeat.model.deviation import When
from exeat.model.secret import Secret

KEY, TRAP = "sk_live_51f0/c2d9+e8b7a6", "hk_trap_0a1b2c3d4e5f6a7b"
KNOWN = KnownValues({"example": Secret(KEY)}, {"trap": Secret(TRAP)})
FORMS = [
    KEY.encode(), TRAP.encode(), base64.b64encode(b"." + KEY.encode()), base64.urlsafe_b64encode(TRAP.encode()),
    quote(KEY, safe="").encode(), KEY.encode().hex().encode(), KEY.replace("/", "\\/").encode(),
]  # fmt: skip


class StoppedError(Exception):
    pass


def send(chunks):
    """What went, and what was found; the search stops the body."""
    found, went = [], b""

    def stop(each):
        found.append(each)
        raise StoppedError

    search = BodySearch(KNOWN, stop)
    try:
        for chunk in (*chunks, b""):
            went += search.feed(chunk)
    except StoppedError:
        pass
    return went, found


def cut(text, places):
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(edges)]


@pytest.mark.guard("secret-held-back")
@given(
    st.binary(max_size=50), st.sampled_from(FORMS), st.binary(max_size=50), st.lists(st.integers(0, 500), max_size=20)
)
def test_a_value_is_found_however_it_is_cut_and_no_more_than_its_beginning_goes(before, form, after, places):
    went, found = send(cut(before + form + after, places))
    assert len(found) == 1
    assert went.startswith(before[: len(went)])
    assert len(went) - len(before) < 12  # of base64 the first bytes say nothing yet


@given(st.binary(max_size=300), st.lists(st.integers(0, 500), max_size=20))
def test_what_holds_none_passes_byte_for_byte(body, places):
    assert send(cut(body, places)) == (body, [])


@given(st.sampled_from(FORMS), st.integers(1, 8), st.lists(st.integers(0, 500), max_size=20))
def test_the_beginning_of_a_value_passes_at_the_end(form, missing, places):
    body = b"x" + form[: -missing - 4]
    assert send(cut(body, places)) == (body, [])


@given(st.lists(st.integers(0, 2000), max_size=20))
def test_one_that_may_go_on_goes_whole_and_is_told_of(places):
    found, body = [], b"a" * 500 + KEY.encode() + b"b" * 500 + TRAP.encode() + b"c" * 500
    search = BodySearch(KNOWN, found.append)
    assert b"".join(search.feed(chunk) for chunk in (*cut(body, places), b"")) == body
    assert "trap" in {each.name for each in found}  # of several in one piece it is the honeytoken that is told of


def test_a_honeytoken_comes_first_and_says_its_name():
    assert KNOWN.in_text(f"{KEY} {TRAP}".encode()) == Found(When.HONEYTOKEN, "trap")
    assert KNOWN.in_text(KEY.encode()) == Found(When.SECRET, "example")
    assert KNOWN.honeytoken(b"/x", ((b"x-key", KEY.encode()),)) is None
    assert KNOWN.honeytoken(b"/x", ((b"x-key", TRAP.encode()),)) == Found(When.HONEYTOKEN, "trap")
    assert KNOWN.honeytoken(f"/x/{TRAP}".encode(), ()) == Found(When.HONEYTOKEN, "trap")


def test_a_text_is_shown_without_them():
    assert KNOWN.shown(f"/v1/{KEY}/x") == f"/v1/{'*' * len(KEY)}/x"
    assert KNOWN.shown("/v1/refunds/7") == "/v1/refunds/7"


def test_nothing_known_is_nothing_found():
    assert not NOTHING_KNOWN
    assert NOTHING_KNOWN.in_text(KEY.encode()) is None
    assert NOTHING_KNOWN.shown(KEY) == KEY
