"""Lines forwards and backwards: the same lines, whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exeat.audit import reading
from exeat.audit.chain import LONGEST_LINE
from exeat.audit.reading import LineReader, backwards


@given(content=st.binary(max_size=200) | st.lists(st.sampled_from([b"\n", b"a\r", b"\x85\x0c"])).map(b"".join))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("block", [1, 3, 64])
def test_backwards_is_forwards_reversed(tmp_path, monkeypatch, content, block):
    monkeypatch.setattr(reading, "_BLOCK", block)
    path = tmp_path / "lines"
    path.write_bytes(content)
    whole = content[: content.rfind(b"\n") + 1]
    expected = whole.split(b"\n")[:-1]
    reader = LineReader(path)
    assert [line[:-1] for line in reader.lines()] == expected
    assert (reader.offset, reader.rest, reader.line) == (len(whole), len(content) - len(whole), len(expected))
    assert list(backwards(path)) == expected[::-1]


def test_a_reader_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")
    reader = LineReader(path)
    assert list(reader.lines()) == [b"one\n"]
    path.write_bytes(b"one\ntwo\nthree\n")
    assert list(reader.lines()) == [b"two\n", b"three\n"]
    assert reader.line == 3


def test_a_line_over_the_bound_comes_cut_and_the_next_one_whole(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"x" * (3 * LONGEST_LINE) + b"\nnext\n")
    long, following = LineReader(path).lines()
    assert len(long) == LONGEST_LINE
    assert following == b"next\n"
