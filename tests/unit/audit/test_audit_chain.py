"""Lines and links: what is written, what is hashed, what is refused."""

from __future__ import annotations

import hashlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.audit.chain import GENESIS, LONGEST_LINE, START, Link, next_line, read_line
from exeat.errors import RefusalError
from exeat.model.issuing import Grade
from exeat.model.reason import Reason
from exeat.model.record import RecordKind
from exeat.model.secret import Secret
from exeat.model.token import Token

BOOT = "0123456789abcdef"
TIME = "2026-01-02T03:04:05.000006Z"


def line_of(record, previous=START):
    return next_line(record, previous, "w0", BOOT, TIME)


def test_a_line_holds_the_record_and_the_chains_own_fields_with_the_hash_last():
    line, link = line_of({"kind": RecordKind.DECISION, "path": "/x"}, Link(4, "a" * 64))
    fields = orjson.loads(line)
    assert list(fields) == ["seq", "time", "kind", "path", "chain", "prev", "hash"]
    assert fields["seq"] == 5
    assert fields["time"] == TIME
    assert fields["kind"] == "decision"
    assert fields["chain"] == {"worker": "w0", "boot": BOOT}
    assert fields["prev"] == "a" * 64
    assert link == Link(5, fields["hash"])
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_the_first_record_names_64_zeros():
    line, _ = line_of({})
    assert orjson.loads(line)["prev"] == GENESIS == "0" * 64
    assert orjson.loads(line)["seq"] == 1


def test_the_hash_is_over_the_lines_bytes_without_the_hash_member():
    line, link = line_of({"kind": "decision", "host": "ä\n"})
    before, _, _ = line.rpartition(b',"hash":')
    assert hashlib.sha256(before + b"}").hexdigest() == link.hash
    assert orjson.loads(before + b"}")["host"] == "ä\n"


@pytest.mark.parametrize("name", ["seq", "time", "chain", "prev", "hash"])
def test_a_record_cannot_set_a_field_of_the_chain(name):
    with pytest.raises(RefusalError) as refused:
        line_of({name: "x"})
    assert refused.value.reason is Reason.AUDIT_UNAVAILABLE


@pytest.mark.parametrize(
    "value",
    [Secret("s3cret"), {"deep": [Secret("s3cret")]}, Token(Secret("s3cret"), "id", Grade.A, None), object()],
    ids=["secret", "nested", "token", "object"],
)
def test_a_secret_or_an_unknown_object_is_refused_and_never_spelled_out(value):
    with pytest.raises(RefusalError) as refused:
        line_of({"kind": "decision", "field": value, "odd": "\ud800"})
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_line_longer_than_the_bound_is_refused():
    with pytest.raises(RefusalError):
        line_of({"kind": "mission", "destinations": ["x" * 1000] * (LONGEST_LINE // 1000)})


def test_a_line_reads_back_whole():
    line, link = line_of({"kind": "decision"})
    entry = read_line(line, "w0", BOOT)
    assert entry.damage == ""
    assert entry.seq == 1
    assert entry.prev == GENESIS
    assert entry.hashes == {link.hash}


def test_a_line_of_another_chain_is_damage():
    line, _ = line_of({"kind": "decision"})
    assert read_line(line, "w1", BOOT).damage
    assert read_line(line, "w0", BOOT[::-1]).damage


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_reading_never_raises_and_never_believes_foreign_bytes(raw):
    assert read_line(raw, "w0", BOOT).damage


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.text(max_size=8).filter(lambda name: name not in {"seq", "time", "chain", "prev", "hash"})


@given(st.dictionaries(names | st.just("\ud800"), values | st.just("\udfff/\x00"), max_size=6))
@settings(max_examples=200)
def test_whatever_an_agent_sends_becomes_one_valid_line(record):
    line, link = line_of(record)
    entry = read_line(line, "w0", BOOT)
    assert entry.damage == ""
    assert entry.hashes == {link.hash}
    assert line.count(b"\n") == 1


@given(st.data())
@settings(max_examples=200)
def test_no_single_changed_byte_leaves_a_line_valid(data):
    line, _ = line_of({"kind": "decision", "path": "/ä", "n": [1, None]})
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[at]))
    assert read_line(line[:at] + bytes([other]) + line[at + 1 :], "w0", BOOT).damage
