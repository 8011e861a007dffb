"""Operations of one match are told apart by the body, and what can't be told apart doesn't load."""

from __future__ import annotations

import pytest
from catalogue_kit import build, example

from exeat.errors import ConfigurationError
from exeat.services.readers.selects import Selects, check_select


def read(match="POST /g", action="a", group="read", reader="graphql", select="query:*", **more):
    row = {"match": match, "action": action, "group": group, "reader": reader, "select": select, **more}
    return {key: value for key, value in row.items() if value is not None}


def findings(*rows, **more):
    with pytest.raises(ConfigurationError) as caught:
        build(example(operation=list(rows), **more))
    return [(finding.field.rpartition("operation")[2], finding.message) for finding in caught.value.findings]


@pytest.mark.parametrize(("asked", "found"), [
    ("tools/call:search", 1), ("tools/call:searches", 2), ("tools/call:", 2), ("tools/call", 3), ("tools/list", 3), ("ping", 4), ("", 4),
    ("Tools/call:search", 4),
])  # fmt: skip
def test_the_most_specific_select_wins(asked, found):
    assert Selects({"*": 4, "tools/*": 3, "tools/call:*": 2, "tools/call:search": 1}).find(asked) == found


def test_nothing_stands_for_what_is_not_written():
    selects = Selects({"query:a": 1, "query:b*": 2})
    assert [selects.find(asked) for asked in ("query:A", "query:", "mutation:a", "query:ab", "query:b")] == [
        None,
        None,
        None,
        None,
        2,
    ]


@pytest.mark.parametrize(("reader", "select"), [
    ("graphql", ""), ("graphql", "viewer"), ("graphql", "query"), ("graphql", "Query:a"), ("graphql", "query:a b"), ("graphql", "query:a-b"),
    ("graphql", "*:a"), ("mcp", ""), ("mcp", "tools/*:x"), ("mcp", "**"), ("jsonrpc", "a b"), ("jsonrpc", "é"), ("json", "x"), ("form", "*"),
    ("jsonrpc", "a" * 300),
])  # fmt: skip
def test_a_select_that_nothing_could_match_is_refused(reader, select):
    with pytest.raises(ValueError, match=r"\S"):
        check_select(reader, select)


def test_operations_of_one_match_are_compiled_together():
    index = build(example(operation=[
        read("GET,POST /g"), read("POST /g", "b", "write", select="mutation:*"), read("POST /other", "c", reader="json", select=None),
    ]))  # fmt: skip
    compiled = index.for_host("api.example.test", 443)
    assert set(compiled.choices) == {("GET", "/g"), ("POST", "/g"), ("POST", "/other")}
    assert compiled.choices["POST", "/g"].selects.find("mutation:x").operation.action == "b"
    assert compiled.choices["GET", "/g"].selects.find("mutation:x") is None
    assert {"example:a", "example:b", "example:c"} <= set(index.actions())


def test_the_smallest_limit_of_one_match_counts():
    index = build(example(operation=[read(max_body="4KiB"), read(action="b", select="mutation:*")]))
    assert index.for_host("api.example.test", 443).choices["POST", "/g"].limit == 4096


MODEL = {"resource": [{"type": "Model", "id": "{model}"}]}


@pytest.mark.parametrize(("rows", "message"), [
    ([read(), read(action="b")], "POST /g is also operation[0]"),
    ([read(), read(action="b", reader="mcp", select="ping")], "POST /g is also operation[0]"),
    ([read(), {"match": "POST /g", "action": "b", "group": "read"}], "POST /g is also operation[0]"),
    ([read("POST /{a}"), read("POST /{b}", "b", select="mutation:*")], "POST /{b} is also operation[0]"),
    ([read("PUT /g")], "a graphql reader reads no PUT"), ([read("GET /g", reader="mcp", select="ping")], "a mcp reader reads no GET"),
    ([read("GET /g", reader="json", select=None)], "a json reader reads no GET"), ([read(select=None)], "a select is a name without blanks"),
    ([read(reader=None)], "select without a reader"), ([read(reader=None, select=None, captures={"a": "/a"})], "captures without a reader"),
    ([read(captures={"a": "a"})], "'a' is no JSON Pointer"), ([read("POST /{a}", captures={"a": "/a"})], "the path captures {a} already"),
    ([read(resource="Model")], "the id of 'Model' needs {model}"),
])  # fmt: skip
def test_what_cant_be_told_apart_or_read_is_found_at_load(rows, message):
    found = findings(*rows, **MODEL)
    assert any(message in text for _, text in found), found


def test_an_unknown_reader_is_refused():
    with pytest.raises(ValueError, match="reader"):
        build(example(operation=[read(reader="xml")]))


def test_a_capture_of_the_body_names_the_resource():
    index = build(
        example(
            operation=[read("POST /c", reader="json", select=None, captures={"model": "/model"}, resource="Model")],
            **MODEL,
        )
    )
    assert index.actions()["example:a"].resource_type == "Example::Model"
