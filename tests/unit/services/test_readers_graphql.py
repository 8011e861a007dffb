"""Every root field of a GraphQL request is found, whatever it is wrapped in; what can't be judged isn't read."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

import pytest
from readers_kit import posted, selects, text, why

from exeat.model.reason import Reason
from exeat.services.readers.graphql import read_graphql
from exeat.services.readers.reading import UnreadableError


def found(document, **more):
    return selects(read_graphql, {"query": document, **more})


def arguments(document, **more):
    (asked,) = read_graphql(posted(), text({"query": document, **more}))
    return asked.arguments


def by_get(query, **more):
    return read_graphql(posted("", query=query, method="GET", has_body=False, **more), b"")


@pytest.mark.parametrize(("document", "expected"), [
    ("{ viewer { login } }", ["query:viewer"]),
    ("query Q { viewer { login } rateLimit { cost } }", ["query:viewer", "query:rateLimit"]),
    ("mutation { createIssue(input: {}) { id } }", ["mutation:createIssue"]),
    ("subscription { onIssue { id } }", ["subscription:onIssue"]),
    ("mutation { createIssue: deleteIssue { id } }", ["mutation:deleteIssue"]),
    ("mutation { a: deleteIssue { id } b: deleteIssue { id } }", ["mutation:deleteIssue"] * 2),
    ("mutation { ... on Mutation { deleteIssue { id } } ... { closeIssue } }", ["mutation:deleteIssue", "mutation:closeIssue"]),
    ("mutation { ...A } fragment A on Mutation { ...B x } fragment B on Mutation { deleteIssue }", ["mutation:deleteIssue", "mutation:x"]),
    ("mutation { ...A ...A } fragment A on Mutation { x }", ["mutation:x"]),
    ("mutation { ...A } fragment A on Mutation { x ...A }", ["mutation:x"]),
    ("mutation { x @skip(if: true) y @include(if: false) ...A @skip(if: true) } fragment A on Mutation { z }",
     ["mutation:x", "mutation:y", "mutation:z"]),
    ('{ __schema { types { name } } __type(name: "A") { name } __typename }', ["query:__schema", "query:__type", "query:__typename"]),
    ("\ufeff#mutation{x}\r\n{,,a,,}", ["query:a"]),
    ('{ a(x: """ } mutation { """) }', ["query:a"]),
])  # fmt: skip
def test_every_root_field_is_asked_for(document, expected):
    assert found(document) == expected


def test_the_named_operation_is_the_one_that_runs():
    document = "query A { a } mutation B { b } fragment F on Query { f }"
    assert found(document, operationName="B") == ["mutation:b"]
    assert found(document, operationName="A") == ["query:a"]
    assert found("query A { a }", operationName=None, variables=None, extensions=None) == ["query:a"]


@pytest.mark.parametrize("body", [
    {"query": "query A { a } mutation B { b }"}, {"query": "query A { a } mutation B { b }", "operationName": "C"},
    {"query": "{ a }", "operationName": "A"}, {"query": "query A { a }", "operationName": ""}, {"query": "query A { a } query A { b }",
    "operationName": "A"}, {"query": "{ a } query A { b }", "operationName": "A"}, {"query": "{ a } { b }"},
    {"query": "{ ...F } fragment F on Query { a } fragment F on Query { b }"}, {"query": "{ ...G }"}, {"query": "fragment F on Query { a }"},
    {"query": ""}, {"query": "{ a"}, {"query": "{ }"}, {"query": "mutation { ...F } fragment F on M { ...F }"}, {"query": "type A { a: B }"},
    {"query": "{ a } type A { a: B }"}, {"query": "{ a } extend type A { a: B }"}, {"query": "{ a(x: 1, x: 2) }"}, {"query": "{ a(x: {y: 1, y: 2}) }"},
    {"query": "query ($a: A, $a: B) { a }"}, {"query": 1}, {"query": ["{ a }"]}, {"query": "{ a }", "variables": [1]},
    {"query": "{ a }", "variables": "{}"}, {"query": "{ a }", "operationName": 1}, {"query": "{ a }", "extensions": 1}, [], 1, "x", None, [[]],
    {"query": "{ a }", "Query": "mutation { b }"}, {"query": "{ a }", "id": "1"}, {"query": "{ a }", "documentId": "1"}, {"QUERY": "{ a }"},
    {"query": "{ a }", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}, {"query": "{ a }", "extensions": {"persistedQuery": 1}},
    {"query": "{ a }", "extensions": {"persistedQuery": {}, "PersistedQuery": None}}, {"query": "{ a }", "extensions": {"PERSISTEDQUERY": {}}},
    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}, {"id": "stored"}, {}, {"query": None},
    {"query": "{a" * 3000 + "}" * 3000}, {"query": "{" + "a " * 101 + "}"}, {"query": "{" + "a{b}" * 4000 + "}"}, {"query": '{a(x:"' + "y" * 70000 + '")}'},
    [{"query": "{ a }"}] * 21, [{"query": "{ a }"}, {"query": "{ "}], [{"query": "{ a }"}, 1], {"query": "{ a(x:" + "[" * 900 + "]" * 900 + ") }"},
    {"query": "{ ...F(x: 1) } fragment F($x: Int) on Query { a }"},
])  # fmt: skip
def test_what_cant_be_judged_is_not_read(body):
    assert why(read_graphql, body)


def test_a_stored_document_is_unknown_rather_than_malformed():
    for body in ({"extensions": {"persistedQuery": {"sha256Hash": "0" * 64}}}, {"id": "x"}, {"query": None}):
        with pytest.raises(UnreadableError) as caught:
            read_graphql(posted(), text(body))
        assert caught.value.reason is Reason.OPERATION_UNKNOWN


def test_a_hash_beside_its_own_text_is_fine():
    digest = hashlib.sha256(b"{ a }").hexdigest()
    assert found("{ a }", extensions={"persistedQuery": {"version": 1, "sha256Hash": digest}}) == ["query:a"]


def test_a_batch_is_judged_item_by_item():
    batch = [{"query": "{ a }"}, {"query": "mutation { b c }"}]
    assert selects(read_graphql, batch) == ["query:a", "mutation:b", "mutation:c"]
    assert why(read_graphql, [{"query": "{" + "a " * 60 + "}"}] * 2) == "too many things are asked for at once"
    assert why(read_graphql, [{"query": '{a(x:"' + "y" * 40000 + '")}'}] * 2) == "the document is too large"


@pytest.mark.parametrize(("document", "variables", "expected"), [
    ('{ a(x: "s", y: 1, z: ENUM, b: true, n: null, f: 1.5, l: [1, [2]], o: {k: "v"}) }', {},
     {"x": "s", "y": 1, "z": "ENUM", "b": True, "n": None, "f": 1.5, "l": [1, [2]], "o": {"k": "v"}}),
    ("query ($x: ID!) { a(x: $x) }", {"x": "i"}, {"x": "i"}),
    ('query ($x: ID = "d") { a(x: $x) }', {}, {"x": "d"}),
    ('query ($x: ID = "d") { a(x: $x) }', {"x": None}, {"x": None}),
    ("query ($x: ID) { a(x: $x, y: {z: $x}, l: [$x]) }", {}, {"y": {}, "l": [None]}),
    ("query ($i: I!) { a(input: $i) }", {"i": {"id": 5}}, {"input": {"id": 5}}),
    ("{ a(x: $undefined) }", {"undefined": "v"}, {}),
    ('{ a(x: """\n  b\n  c\n""") }', {}, {"x": "b\nc"}),
    ('{ a(x: "\\u00e9\\n") }', {}, {"x": "é\n"}),
    ("{ a(x: 123456789012345678901234567890) }", {}, {"x": 1.2345678901234568e29}),
])  # fmt: skip
def test_arguments_are_what_the_server_will_see(document, variables, expected):
    assert arguments(document, variables=variables) == expected


def test_a_query_may_come_by_get_but_a_mutation_may_not():
    assert [
        each.select
        for each in by_get("query=" + quote("query A($x:I){a(x:$x)}") + "&operationName=A&variables=%7B%22x%22%3A1%7D")
    ] == ["query:a"]
    assert by_get("query=%7Ba%7D&access_token=t")[0].select == "query:a"
    for query in ("query=mutation%7Ba%7D", "query=%7Ba%7D&query=%7Bb%7D", "query=%7Ba%7D&Query=%7Bb%7D", "query=%7Ba%7D&query[]=%7Bb%7D", "", "id=1",
                  "query=%7Ba%7D&id=1", "query=%7Ba%7D&documentId=1", "query=%7Ba%7D&variables=%7B%22a%22:1,%22a%22:2%7D",
                  "query=%7Ba%7D&extensions=%7B%22persistedQuery%22:%7B%22sha256Hash%22:%22x%22%7D%7D", "extensions=%7B%7D",
                  "query=query+A%7Ba%7D+mutation+B%7Bb%7D&operationName=B", "query=%7Ba%7D;query=b"):  # fmt: skip
        with pytest.raises(UnreadableError):
            by_get(query)


def test_a_body_and_a_query_never_both_say_what_is_asked():
    body = text({"query": "{ a }"})
    for query in ("query=x", "operationName=x", "%71uery=x", "Query[]=x", "variables=1", "id=x", "a=1;query=x"):
        with pytest.raises(UnreadableError):
            read_graphql(posted(query=query), body)
    assert read_graphql(posted(query="trace=1"), body)
    with pytest.raises(UnreadableError):
        read_graphql(posted("", query="query=%7Ba%7D", method="GET", has_body=True), b"")


@pytest.mark.parametrize(
    "kind", ["application/graphql", "application/graphql+json", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_only_json_is_read(kind):
    with pytest.raises(UnreadableError):
        read_graphql(posted(kind), json.dumps({"query": "{ a }"}).encode())
