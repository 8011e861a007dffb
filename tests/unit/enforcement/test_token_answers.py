"""Whatever a token answer looks like: what the agent gets of it holds no credential, or it gets nothing."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.enforcement.answers.carried import filled, filled_body, in_body, in_field
from exeat.enforcement.answers.scrub import AnswerError
from exeat.enforcement.answers.token_answers import TokenReader
from exeat.model.request import CanonicalRequest
from exeat.model.service import HandOut

REAL, PLACEHOLDER = "real-token-5f21c09d7be84a16", "exeat_" + "a" * 24
REQUEST = CanonicalRequest("POST", "https", "login.example.test", 443, "/token", "", (), "HTTP/1.1", has_body=True)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=8), st.just(REAL), st.just(f"a {REAL}")
)
names = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["access_token", "Refresh-Token", "clientSecret", "error", "objects", "token_type"]),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)


def reader(shape, given):
    def give(value, host, secure):
        given.append((value, host, secure))
        return PLACEHOLDER

    return TokenReader(HandOut(shape), REQUEST, b"application/json", 200, give, lambda *_: PLACEHOLDER)


@given(st.dictionaries(names, values, max_size=5))
def test_an_oauth_answer_never_passes_what_was_kept(answer):
    """Of an answer in which anything was kept no byte of it is left, wherever else it stood."""
    given_out = []
    try:
        got = reader("oauth", given_out).read(orjson.dumps(answer))
    except AnswerError:
        return
    kept = [value for value, _, _ in given_out if len(value) >= 8]
    assert not [value for value in kept if orjson.dumps(value)[1:-1] in got]


@given(st.sampled_from(["oauth", "likely", "git_lfs"]), st.binary(max_size=60))
def test_no_bytes_make_it_fail_otherwise(shape, body):
    try:
        got = reader(shape, []).read(body)
    except AnswerError:
        return
    assert isinstance(got, bytes)


actions = st.dictionaries(
    st.sampled_from(["href", "header", "expires_in"]),
    st.one_of(leaves, st.just("https://[x"), st.dictionaries(names, leaves, max_size=2)),
)
objects = st.lists(
    st.one_of(
        leaves,
        st.fixed_dictionaries({"actions": st.one_of(leaves, st.dictionaries(names, st.one_of(leaves, actions)))}),
    )
)


@given(st.one_of(leaves, objects))
def test_a_batch_answer_is_read_or_refused(objects):
    answer = {"objects": objects}
    try:
        got = reader("git_lfs", []).read(orjson.dumps(answer))
    except AnswerError:
        return
    assert isinstance(got, bytes)


def test_an_answer_nested_too_deep_is_refused():
    with pytest.raises(AnswerError):
        reader("oauth", []).read(b'{"a":' * 1000 + b"1" + b"}" * 1000)


@given(st.binary(max_size=80))
def test_any_field_and_any_body_have_at_most_one_reading(value):
    """What holds no placeholder stays as it is; what holds one is a token again, or goes."""
    if in_field(value) is None:
        assert filled(value, {}) == value
    for media in (b"application/json", b"application/x-www-form-urlencoded"):
        if not list(in_body(media, value)):
            assert filled_body(media, value, {PLACEHOLDER: REAL}) == value


@pytest.mark.parametrize("before", ["Bearer ", "token ", "", "Bearer eyJh.eyJi."])
def test_a_placeholder_becomes_its_token(before):
    field = f"{before}{PLACEHOLDER}".encode()
    assert in_field(field) == PLACEHOLDER
    assert filled(field, {PLACEHOLDER: REAL}) == f"{before.removesuffix('eyJh.eyJi.')}{REAL}".encode()
    assert filled(field, {}) is None
