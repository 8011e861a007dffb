"""The readers of bodies: any body is read as something that is named, or refused; nothing else is raised.

The first line of a seed names the reader, as ``graphql``; the rest is the body. With ``?`` behind the name it is the query
of a GET.
"""

from __future__ import annotations

import orjson
from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode, parse, visit
from graphql.language import Visitor

from exeat.model.request import CanonicalRequest
from exeat.services.readers.choices import _READERS, _reader
from exeat.services.readers.reading import Asked, UnreadableError
from exeat.services.readers.receive_pack import CommandsEnd
from fuzz.kit.standard_json import by_the_standard_library

_FUNCTIONS = {name: _reader(name) for name in _READERS}
_TYPES = {
    "form": "application/x-www-form-urlencoded",
    "aws": "application/x-www-form-urlencoded",
    "git-receive-pack": "application/x-git-receive-pack-request",
}
TOKENS = (
    *(name.encode() + b"\n" for name in _READERS), b"graphql?\n", b"query", b"mutation", b"subscription", b"fragment F on Q", b"...F", b"... on Q", b"{", b"}", b"(", b")",
    b"@skip(if: true)", b"@include(if: $v)", b"$v: Int = 1", b'"""', b"#", b"\\u007b", b"&operationName=a", b"&query=%7Bb%7D", b'"query":', b'"operationName":',
    b'"variables":', b'"jsonrpc":"2.0"', b'"method":', b'"id":1', b'"params":', b'"tools/call"', b'"name":', b'"arguments":', b"[", b"]", b",", b":", b"\0", b"\n",
    b"0000", b"0001", b"0004", b"0005a", b"fffe", b"0" * 40, b"1" * 40, b" refs/heads/main", b"\0report-status", b"push-options", b"shallow ", b"PACK", b"/../", b".lock", b"@{",
)  # fmt: skip


def check(data: bytes) -> None:
    first, _, body = data.partition(b"\n")
    name = first.decode("latin-1")
    reader = _FUNCTIONS.get(name.removesuffix("?"))
    if reader is None:
        return
    kind = _TYPES.get(name.removesuffix("?"), "application/json")
    query = body.decode("latin-1") if name.endswith("?") else ""
    method = "GET" if name.endswith("?") else "POST"
    request = CanonicalRequest(
        method, "https", "h.test", 443, "/p", query, ((b"content-type", kind.encode()),), "HTTP/1.1", not query
    )
    if name == "git-receive-pack":
        _check_beginnings(body)
    try:
        found = reader(request, b"" if query else body, {})
    except UnreadableError as error:
        assert error.detail.isprintable()
        return
    assert found
    assert all(isinstance(each, Asked) for each in found)
    if name == "graphql":
        _check_graphql(body, found)


def _check_beginnings(body: bytes) -> None:
    """However they come, the commands end at one place."""
    pieces = CommandsEnd()
    ends = next((at for at in range(len(body)) if pieces(body[at : at + 1])), None)
    assert CommandsEnd()(body) == (ends is not None)
    if ends is not None:
        assert not CommandsEnd()(body[:ends])
        assert CommandsEnd()(body[: ends + 1])


def _check_graphql(body: bytes, found: tuple[Asked, ...]) -> None:
    """Nothing is found that the document doesn't select."""
    value = by_the_standard_library(body)
    assert isinstance(value, dict)
    names: set[str] = set()

    class Names(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            names.add(node.name.value)

    try:
        document = parse(value["query"])
    except GraphQLError:
        raise AssertionError("read what the reference parser refuses") from None
    assert isinstance(document, DocumentNode)
    visit(document, Names())
    kinds = {each.operation.value for each in document.definitions if isinstance(each, OperationDefinitionNode)}
    for each in found:
        kind, _, field = each.select.partition(":")
        assert kind in kinds
        assert field in names
    assert orjson.dumps([each.select for each in found])
