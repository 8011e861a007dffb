"""Forms with nested keys, and arguments that may stand in a body or a query: one place, one reading."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readers_kit import posted

from exeat.services.readers.arguments import read_arguments
from exeat.services.readers.document import read_form_body
from exeat.services.readers.reading import UnreadableError

FORM = "application/x-www-form-urlencoded"


def form(body):
    (asked,) = read_form_body(posted(FORM), body.encode())
    return asked.arguments


@pytest.mark.parametrize(("body", "value"), [
    ("customer=c_1&metadata[a]=1&metadata[b]=2", {"customer": "c_1", "metadata": {"a": "1", "b": "2"}}), ("items[0][price]=p&items[1][price]=q", {"items": [{"price": "p"}, {"price": "q"}]}),
    ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}), ("a%5Bb%5D=1", {"a": {"b": "1"}}), ("a[b][]=1", {"a": {"b": ["1"]}}), ("metadata[order-7]=x", {"metadata": {"order-7": "x"}}),
])  # fmt: skip
def test_nested_keys_are_read_as_stripe_and_rails_read_them(body, value):
    assert form(body) == value


@pytest.mark.guard("form-key-twice")
@pytest.mark.parametrize("body", [
    "a[b]=1&a[b]=2", "a=1&a[b]=2", "a[b]=2&a=1", "a[]=1&a[0]=2", "a[]=1&a=2", "a[0]=1&a[2]=2", "a[1]=1&a[0]=2", "a[00]=1", "a[0]=1&a[00]=2", "a[-1]=1", "a[0]=1&a[x]=2", "a[1]=1",
    "a[b=1", "a]b=1", "[a]=1", "a[b]c=1", "a[[b]]=1", "a[][b]=1", "a[b][][c]=1", "a[%5B]=1", "a[b][c][d][e][f][g]=1", "a[b][c][d][e][f][]=1", "a.b[x]=1&a_b[y]=2", "A[x]=1&a[x]=2", "a%00[x]=1&a[x]=2",
    "&".join(f"a[{n}]=1" for n in range(30)),
])  # fmt: skip
def test_nested_keys_that_servers_read_differently_are_refused(body):
    with pytest.raises(UnreadableError):
        form(body)


@pytest.mark.guard("form-keys-left-out")
@pytest.mark.parametrize(
    "body",
    [
        "a[+]=1",
        "a[%20%20]=1",
        "a[b][+]=1",
        "a[%C2%A0]=1",
        "toString=1",
        "a[constructor]=1",
        "a[__proto__][b]=1",
        "+=1",
        "a+=1&a_=2",
        "+a=1",
    ],
)
def test_keys_that_some_servers_leave_out_are_refused(body):
    """PHP appends at a blank index; qs leaves out what Object.prototype has."""
    with pytest.raises(UnreadableError, match="leave out"):
        form(body)


@pytest.mark.parametrize("body", ["a[%00]=1", "a[b%00c]=1", "a[%09]=1", "a%0A=1", "a[b%7F]=1"])
def test_control_characters_in_keys_are_refused(body):
    """PHP ends a key at a NUL, the others don't."""
    with pytest.raises(UnreadableError):
        form(body)


@pytest.mark.guard("form-most-pairs")
def test_pairs_that_some_servers_no_longer_read_are_refused():
    """PHP and qs take the first thousand: what names the resource could stand behind them."""
    thousand = "&".join(f"k{number}=" for number in range(1000))
    assert len(form(thousand)) == 1000
    with pytest.raises(UnreadableError):
        form(f"{thousand}&customer=x")


_NAMES = st.text("abc", min_size=1, max_size=3)
_VALUES = st.recursive(
    st.text(max_size=4),
    lambda inner: st.dictionaries(_NAMES, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3),
    max_leaves=6,
)


def _flat(prefix, value):
    if isinstance(value, str):
        return [(prefix, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [pair for name, each in items for pair in _flat(f"{prefix}[{name}]", each)]


@given(st.dictionaries(_NAMES, _VALUES, max_size=3))
def test_a_nested_form_comes_back_as_it_was(value):
    pairs = [pair for name, each in value.items() for pair in _flat(name, each)]
    try:
        found = form(urlencode(pairs))
    except UnreadableError:
        assert any(key.count("[") > 5 for key, _ in pairs)
        return
    assert found == value


def test_arguments_stand_in_one_place():
    assert read_arguments(posted(), b'{"channel": "C1"}')[0].arguments == {"channel": "C1"}
    assert read_arguments(posted(FORM), b"channel=C1")[0].arguments == {"channel": "C1"}
    assert read_arguments(posted("", query="channel=C1", method="GET", has_body=False), b"")[0].arguments == {
        "channel": "C1"
    }
    assert read_arguments(posted("", query="channel=C1", has_body=False), b"")[0].arguments == {"channel": "C1"}
    for request, body in (
        (posted(query="channel=C1", method="GET"), b'{"channel": "C2"}'), (posted("", query="channel=C1&channel=C2", has_body=False), b""),
        (posted("multipart/form-data; boundary=x"), b"--x"), (posted(""), b"channel=C1"), (posted("text/plain"), b"channel=C1"),
    ):  # fmt: skip
        with pytest.raises(UnreadableError):
            read_arguments(request, body)
