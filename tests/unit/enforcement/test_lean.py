"""What is made faster in mitmproxy answers as before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.coretypes.multidict import _MultiDict

from exeat.enforcement.lean import slim

NAMES = st.sampled_from([b"Host", b"host", b"X-A", b"x-a", b"Content-Length", b"\xc3\xa4"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=6)), max_size=6).map(tuple)
ASKED = st.sampled_from(["host", "HOST", "x-a", "absent", b"X-a", "ä", b"\xc3\xa4"])


@settings(max_examples=200)
@given(FIELDS, ASKED)
def test_a_look_up_answers_as_mitmproxys_own(fields, name):
    slim()
    headers = http.Headers(fields)
    there = headers.get_all(name)
    assert (name in headers) == bool(there)
    assert headers.get(name, "default") == (", ".join(there) if there else "default")
    if there:
        assert headers[name] == _MultiDict.__getitem__(headers, name)


def test_slimming_twice_changes_nothing():
    slim()
    slim()
    assert http.Request.make("GET", "https://api.example.test/").headers.get("nothing") is None
