"""Positions point at the right line and never raise."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.config.positions import positions

DOCUMENT = '''\
version = 1 # [not] a = table
[proxy]
listen = [
  "http://[::1]:1", # comment ] with bracket
  'b',
]
limits.idle = "3m"
limits . "head" = """
[fake]
x = 1
"""
[[service]]
name = "one"
credential = { in = "header", scheme = "a } b", name = "x" }
[[service.operation]]
match = "GET /"
[[service.operation]]
match = 'GET /#'
[[service]]
name = "two"
[service.shared]
source = "env:X"
["quo.ted"."k\\u0041"]
k = [[1, 2], [{a = 3}]]
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("version",), (1, 1)),
        (("proxy",), (2, 1)),
        (("proxy", "listen"), (3, 1)),
        (("proxy", "listen", 0), (4, 3)),
        (("proxy", "listen", 1), (5, 3)),
        (("proxy", "limits", "idle"), (7, 8)),
        (("proxy", "limits", "head"), (8, 10)),
        (("service", 0), (12, 1)),
        (("service", 0, "name"), (13, 1)),
        (("service", 0, "credential", "name"), (14, 49)),
        (("service", 0, "operation", 1), (17, 1)),
        (("service", 0, "operation", 1, "match"), (18, 1)),
        (("service", 1, "name"), (20, 1)),
        (("service", 1, "shared", "source"), (22, 1)),
        (("quo.ted", "kA", "k", 1, 0, "a"), (24, 16)),
    ],
)
def test_every_kind_of_key_has_its_line_and_column(path, place):
    assert positions(DOCUMENT).find(path) == place


def test_what_is_missing_is_reported_at_the_table_around_it():
    found = positions(DOCUMENT)
    assert found.find(("service", 1, "hosts")) == (19, 1)
    assert found.find(("nothing", "here")) == (0, 0)


@given(st.text(alphabet=st.sampled_from(list("[]{}=.,\"'#\n\\ ab1\r\té\x00")), max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_text_makes_the_scanner_raise(text):
    positions(text)


@given(st.integers(1, 400), st.sampled_from(["[", "{a=", "[[", "a.", '"', "'''"]))
@settings(max_examples=50, deadline=None)
def test_deep_nesting_is_passed_over(depth, opening):
    positions("x = " + opening * depth)
    positions(opening * depth)


KEY = st.text(alphabet="abcXYZ_-09", min_size=1, max_size=6)
VALUE = st.sampled_from(
    ["1", "-2.5", "true", '"a # b"', "'c'", "2027-06-30", "[1, 2]", "[\n 1,\n # c\n 2,\n]", '"""\nx\n"""', "{ q = 1 }"]
)
TABLE = st.dictionaries(KEY, VALUE, max_size=4)


@given(st.lists(st.tuples(KEY, st.booleans(), TABLE), max_size=5, unique_by=lambda table: table[0]), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_keys_of_generated_documents_are_found_on_their_line(tables, repeat):
    lines: list[str] = []
    expected = {}
    for name, is_array, pairs in tables:
        for index in range(repeat if is_array else 1):
            path = (name, index) if is_array else (name,)
            lines.append(f"[[{name}]]" if is_array else f" [ {name} ] # c")
            expected[path] = len(lines)
            for key, value in pairs.items():
                expected[(*path, key)] = len(lines) + 1
                lines.extend(f"{key} = {value}".split("\n"))
    text = "\n".join(lines)
    tomllib.loads(text)
    found = positions(text)
    assert {path: found.find(path)[0] for path in expected} == expected
