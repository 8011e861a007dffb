"""A key that decides something stands in a query once, for every server."""

from __future__ import annotations

import pytest

from exeat.services.query import exact_values, plain_key

KEYS = frozenset({"act", "user_id"})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", set()),
        ("x=1", set()),
        ("act=list&x=1", {("act", "list")}),
        ("x=a&user_id=7&act=", {("act", ""), ("user_id", "7")}),
        ("act&x", {("act", "")}),
        ("react=1&act2=2&user_ids=3&user-id=4", set()),
    ],
)
def test_a_key_that_is_written_as_it_is_meant_counts(query, said):
    found = exact_values(query, KEYS)

    assert found is not None
    assert set(found.items()) == said


@pytest.mark.guard("key-alias")
@pytest.mark.parametrize(
    "query",
    [
        "act=list&act=list", "act=list&act=wipe", "act=list;act=wipe", "act=list&ACT=wipe", "Act=list", "a%63t=list", "act=l%69st", "act=a+b", "act[]=list",
        "act=list&act[x]=wipe", "act=list&act%5B%5D=wipe", "act=list&+act=wipe", "act=list&act%00x=wipe", "act=list&%61ct=wipe",
        "user_id=1&user.id=2", "user_id=1&user+id=2", "user_id=1&user%20id=2", "user_id=1&user[id=2", "user_id=1&user%5Bid=2", "user.id=2",
    ],
)  # fmt: skip
def test_a_key_that_some_server_reads_twice_or_otherwise_decides_nothing(query):
    assert exact_values(query, KEYS) is None


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("a", "a"),
        (" A ", "a"),
        ("a.b c", "a_b_c"),
        ("a[b]", "a"),
        ("a[b", "a_b"),
        ("a\0b", "a"),
        ("a]b", "a]b"),
        ("\u212aey", "key"),
    ],
)
def test_what_servers_make_of_a_key(key, plain):
    assert plain_key(key) == plain


@pytest.mark.parametrize(("query", "value"), [
    ("user_id=7", "7"), ("user_id=a%20b&x=+", "a b"), ("x&user_id=%C3%A9", "é"), ("user_id=a%2Bb", "a+b"), ("user_id=a=b", "a=b"),
    ("user_id=a+b", None), ("user_id=a%2Fb", None), ("user_id=", None), ("user_id", None), ("user_id=%ff", None), ("user_id=1&user_id=1", None),
    ("user_id=1;x", None), ("user%5Fid=1", None), ("User_id=1", None), ("user_id=1&user.id=2", None), ("user_id=a%00", None), ("user_id[]=1", None),
])  # fmt: skip
def test_a_value_that_is_captured_may_be_escaped_but_not_be_read_in_two_ways(query, value):
    found = exact_values(query, KEYS, frozenset({"user_id"}))
    assert (found and found.get("user_id")) == value
