"""Heads: fixed size, bound to their chain and key."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.audit.chain import Link
from exeat.audit.seal import Head, HeadFile, pack, unpack

KEY = b"k" * 32
links = st.builds(Link, st.integers(0, 10**20 - 1), st.text("0123456789abcdef", min_size=64, max_size=64))


@given(links, st.booleans())
@settings(max_examples=100)
def test_a_head_reads_back_and_has_one_size(link, closed):
    content = pack("chain", link, KEY, closed=closed)
    assert unpack("chain", content, KEY) == Head(link, closed)
    assert len(content) == len(pack("chain", Link(0, "0" * 64), KEY))


@given(st.binary(max_size=250))
@settings(max_examples=100)
def test_foreign_bytes_are_no_head(content):
    assert unpack("chain", content, KEY) is None


def test_a_head_of_another_chain_or_key_is_none():
    content = pack("chain", Link(1, "a" * 64), KEY)
    assert unpack("other", content, KEY) is None
    assert unpack("chain", content, b"x" * 32) is None
    assert unpack("chain", content + b"\n", KEY) is None


def test_a_head_is_never_followed_through_a_link(tmp_path):
    (tmp_path / "chain.head").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        HeadFile(tmp_path, "chain", KEY)
    assert not os.path.lexists(tmp_path / "elsewhere")
