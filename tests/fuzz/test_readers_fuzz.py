"""Where two JSON parsers disagree about a text, nobody judges it; where we read one, everybody reads the same."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import orjson
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    execute_sync,
    parse,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.kit.standard_json import by_the_standard_library, same

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "services"))
from readers_kit import posted

from exeat.services.readers.choices import _READERS, _reader
from exeat.services.readers.graphql import read_graphql
from exeat.services.readers.pairs import read_pairs
from exeat.services.readers.reading import Asked, UnreadableError
from exeat.services.readers.strict_json import read_json

FEW = settings(max_examples=200, deadline=None)


def check(text):
    theirs = by_the_standard_library(text)
    try:
        ours = read_json(text)
    except UnreadableError:
        return
    assert not isinstance(theirs, Exception), (text, ours, theirs)
    assert same(ours, theirs), (text, ours, theirs)


STRINGS = st.text(max_size=6) | st.sampled_from(["a", "A", '"', "\\", '\\"', ":", "\0", "é", "\u212a", "a:b"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=12,
)
PIECES = st.lists(
    st.sampled_from([
        b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b'"a"', b'"\\u0061"', b'"a":', b'"a":1', b"1", b"-0", b"1e5", b"1e999", b"0.1", b"01",
        b"true", b"null", b"NaN", b" ", b"\n", b"\0", b'"\\ud800"', b'"\\ud83d\\ude00"', b"\xef\xbb\xbf", b"\xff", b'"\\""', b'"\\\\"', b'":"', b"99999999999999999999",
    ]), max_size=14).map(b"".join)  # fmt: skip


@FEW
@given(VALUES, st.booleans())
def test_what_a_program_writes_is_read_as_written(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    check(text)
    assert same(read_json(text), value)


@FEW
@given(PIECES)
@example(b'{"a":1,"\\u0061":2}')
@example(b'{"a\\\\":1,"a\\\\":":"}')
@example(b'{"\\\\\\"":":","b":1}')
def test_texts_put_together_from_pieces(text):
    check(text)


@FEW
@given(VALUES, st.data())
def test_texts_with_one_byte_changed(value, data):
    text = bytearray(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(b'{}[]:,"\\0a \n\x00\xff'))
    check(bytes(text))


@FEW
@given(st.lists(st.tuples(STRINGS, st.integers(0, 9)), min_size=1, max_size=5), st.integers(0, 3))
def test_a_key_twice_is_found_wherever_it_is(pairs, depth):
    inner = "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs) + "}"
    text = '{"x":[' * depth + inner + "]}" * depth
    twice = len({key for key, _ in pairs}) != len(pairs)
    try:
        read_json(text.encode())
    except UnreadableError:
        assert twice
    else:
        assert not twice


@FEW
@given(st.binary(max_size=60) | PIECES | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_reader_raises_anything_but_a_refusal(body):
    kinds = {
        "form": "application/x-www-form-urlencoded",
        "aws": "application/x-www-form-urlencoded",
        "git-receive-pack": "application/x-git-receive-pack-request",
    }
    for name in _READERS:
        try:
            found = _reader(name)(posted(kinds.get(name, "application/json")), body, {})
        except UnreadableError:
            continue
        assert found
        assert all(isinstance(each, Asked) for each in found)


GRAPHQL = st.lists(
    st.sampled_from([
        "{", "}", "(", ")", "query", "mutation", "subscription", "fragment", "on", "...", "A", "a", "b:", ":", "$x", "@skip(if: true)", '"s"', '"""', "1",
        "[", "]", "#c\n", "=", "!", "\ufeff", "type", "\\", "é", "null", "-0", "1.5e3", "{a}", "...A", "fragment A on B {c}",
    ]), max_size=16).map(" ".join)  # fmt: skip


@FEW
@given(GRAPHQL, st.none() | st.sampled_from(["A", "", "a"]))
def test_any_document_is_read_or_refused(document, name):
    body = orjson.dumps({"query": document, "operationName": name})
    try:
        found = read_graphql(posted(), body)
    except UnreadableError:
        return
    kinds = {each.select.partition(":")[0] for each in found}
    assert len(kinds) == 1
    assert kinds <= {"query", "mutation", "subscription"}
    assert all(each.select.partition(":")[2] in document for each in found)


FIELDS = st.lists(st.sampled_from(["deleteIssue", "createIssue", "viewer"]), min_size=1, max_size=4)
WRAPS = [
    "{}",
    "... {{ {} }}",
    "... on Mutation {{ {} }}",
    "x: {}",
    "{} @skip(if: true)",
    "...F{n}",
    "... @include(if: false) {{ {} }}",
]


@FEW
@given(FIELDS, st.lists(st.integers(0, len(WRAPS) - 1), min_size=4, max_size=4))
def test_however_root_fields_are_wrapped_all_are_found(fields, wraps):
    selections, fragments = [], []
    for number, (field, wrap) in enumerate(zip(fields, wraps, strict=False)):
        selections.append(WRAPS[wrap].format(field, n=number))
        if "...F" in WRAPS[wrap]:
            fragments.append(f"fragment F{number} on Mutation {{ {field} }}")
    body = orjson.dumps({"query": f"mutation {{ {' '.join(selections)} }} {' '.join(fragments)}"})
    assert [each.select for each in read_graphql(posted(), body)] == [f"mutation:{field}" for field in fields]


ROOT = ["a", "b", "c"]
RAN: list[tuple[str, object]] = []


def resolver(name):
    def run(_source, _info, **arguments):
        RAN.append((name, arguments))
        return 1

    return run


def schema():
    arguments = {
        "x": GraphQLArgument(GraphQLString),
        "o": GraphQLArgument(GraphQLInputObjectType("O", {"k": GraphQLInputField(GraphQLString)})),
    }
    fields = {name: GraphQLField(GraphQLInt, args=arguments, resolve=resolver(name)) for name in ROOT}
    return GraphQLSchema(GraphQLObjectType("Query", fields), GraphQLObjectType("Mutation", fields))


SCHEMA = schema()
ARGUMENTS = st.sampled_from(
    ["", "(x: $v)", '(x: "lit")', "(o: {k: $v})", "(x: $w)", '(x: """b""", o: {k: "k"})', "(x: null)", "(x: $none)"]
)
LEAF = st.tuples(
    st.sampled_from(["", "", "n1: ", "n2: "]),
    st.sampled_from(ROOT),
    ARGUMENTS,
    st.sampled_from(["", " @skip(if: true)", " @include(if: $t)"]),
).map("".join)
SELECTIONS = st.recursive(
    LEAF | st.sampled_from(["...F1", "...F2"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda each: f"... {{ {' '.join(each)} }}"),
    max_leaves=5,
)


@FEW
@given(
    st.sampled_from(["Query", "Mutation"]),
    st.lists(SELECTIONS, min_size=1, max_size=4),
    SELECTIONS,
    SELECTIONS,
    st.sampled_from([{}, {"v": "given"}]),
)
def test_nothing_runs_at_a_server_that_was_not_asked_for(kind, top, first, second, variables):
    """Against graphql-core's own executor, without validation: every resolver that runs was found, with its arguments."""
    document = (
        f'{kind.lower()} Q($v: String, $w: String = "default", $none: String, $t: Boolean = true) {{ {" ".join(top)} }}'
        f" fragment F1 on {kind} {{ {first} }} fragment F2 on {kind} {{ {second} }}"
    )
    try:
        found = read_graphql(posted(), orjson.dumps({"query": document, "variables": variables}))
    except UnreadableError:
        found = ()
    RAN.clear()
    try:
        execute_sync(SCHEMA, parse(document), variable_values=variables)
    except RecursionError:
        RAN.clear()
    asked = [(each.select, each.arguments) for each in found]
    for name, arguments in RAN:
        assert (f"{kind.lower()}:{name}", arguments) in asked, (document, asked)


@FEW
@given(st.dictionaries(st.text("abc é&=+%;", min_size=1, max_size=4), st.text("abc é&=+%;\n", max_size=4), max_size=4))
def test_pairs_survive_being_written_and_read(pairs):
    from urllib.parse import parse_qsl, urlencode

    text = urlencode(pairs)
    assert read_pairs(text) == pairs == dict(parse_qsl(text, keep_blank_values=True))


def test_a_double_never_stands_for_an_integer_that_names_something():
    """orjson keeps what exceeds 64 bits as a double; captures refuse doubles."""
    assert math.isclose(read_json(b"99999999999999999999"), 1e20)
