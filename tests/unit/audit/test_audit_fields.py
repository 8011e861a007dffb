"""Fields: bounded, valid, and no secret."""

from __future__ import annotations

import orjson
import pytest

from exeat.audit.fields import encode
from exeat.errors import RefusalError


@pytest.mark.parametrize(("name", "cap"), [("path", 2048), ("host", 256), ("method", 256), ("detail", 1024)])
@pytest.mark.parametrize("odd", ["", "\ud800"], ids=["plain", "surrogate"])
def test_long_fields_are_cut_and_say_so(name, cap, odd):
    value = orjson.loads(encode({name: odd + "x" * 100_000, "other": "y"}))[name]
    assert len(value) == cap
    assert value.endswith("…")


def test_fields_at_their_cap_stay_as_they_are():
    record = {"path": "p" * 2048, "host": "h" * 256, "method": "m" * 256}
    assert orjson.loads(encode(record)) == record


def test_the_callers_record_is_left_alone():
    record = {"path": "p" * 3000}
    encode(record)
    assert len(record["path"]) == 3000


def test_surrogates_and_bytes_are_replaced_and_integers_clamped():
    record = {"path": "/\udc80", "host": b"\xff.example", "bytes": 2**80, "set": {"b", "a"}, "nested": {"x\ud800": 1}}
    assert orjson.loads(encode(record)) == {
        "path": "/?",
        "host": "�.example",
        "bytes": 2**63 - 1,
        "set": ["a", "b"],
        "nested": {"x?": 1},
    }


def test_a_value_that_holds_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(RefusalError):
        encode({"loop": loop})
