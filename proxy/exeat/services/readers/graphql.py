"""GraphQL over HTTP: every root field of the selected operation is one thing asked.

Root fields are found through fragments and aliases; ``@skip`` and ``@include`` count as asked. Selects are
``query:viewer``, ``mutation:createIssue``, ``subscription:…``; captures point into the field's arguments, variables filled
in. Cites: GraphQL specification (September 2025) §2, §5.3 and §6.1, GraphQL over HTTP §5. Must not know: any schema,
operations.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from graphql.error import GraphQLError
from graphql.language import (
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    parse,
)

from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.services.query import plain_key
from exeat.services.readers.graphql_fields import Fields
from exeat.services.readers.media import check_json
from exeat.services.readers.pairs import names, read_pairs
from exeat.services.readers.reading import Asked, UnreadableError, bounded
from exeat.services.readers.strict_json import envelope, read_json

_MOST_TOKENS: Final = 4000
_LONGEST: Final = 64 * 1024
"""Tokens and characters of all documents in one request: either costs some 15 ms of parsing."""
_MOST_DOCUMENTS: Final = 20
_READ: Final = frozenset({"query", "operationName", "variables", "extensions"})
_ELSEWHERE: Final = frozenset(
    {"id", "doc_id", "docid", "documentid", "queryid", "queryhash", "hash", "sha256hash", "persistedquery"}
)
"""Names under which servers take a stored document instead of the text."""


def read_graphql(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read the query of a GET, or the body of a POST, single or a batch; raise UnreadableError."""
    if request.method in ("GET", "HEAD"):
        if request.has_body:
            raise UnreadableError("a body where the query says what is asked")
        return bounded(_read_get(request.query))
    check_json(request, exact=True)
    told = names(request.query) if request.query else frozenset()
    if told & (_ELSEWHERE | {plain_key(key) for key in _READ}):
        raise UnreadableError("the query and the body both say what is asked")
    value = read_json(body)
    batch = value if isinstance(value, list) else [value]
    if len(batch) > _MOST_DOCUMENTS:
        raise UnreadableError("too many documents at once")
    asked: list[Asked] = []
    left = _LONGEST
    for each in batch:
        members = envelope(each)
        if not members.keys() <= _READ:
            raise UnreadableError("the body has a member that GraphQL over HTTP doesn't know", Reason.OPERATION_UNKNOWN)
        asked += _read_one(members, _MOST_TOKENS // len(batch), left)
        left -= len(members["query"])
    return bounded(asked)


def _read_get(query: str) -> list[Asked]:
    pairs = read_pairs(query)
    wanted = {plain_key(key): key for key in _READ}
    for key in pairs:
        plain = plain_key(key)
        if plain in _ELSEWHERE or (plain in wanted and wanted[plain] != key):
            raise UnreadableError("the query names a stored document", Reason.OPERATION_UNKNOWN)
    members: dict[str, Any] = {key: pairs[key] for key in ("query", "operationName") if key in pairs}
    for key in ("variables", "extensions"):
        if key in pairs:
            members[key] = read_json(pairs[key].encode())
    return _read_one(members, _MOST_TOKENS, _LONGEST, reading=True)


def _read_one(members: dict[str, Any], tokens: int, longest: int, *, reading: bool = False) -> list[Asked]:
    text, name = members.get("query"), members.get("operationName")
    variables, extensions = members.get("variables"), members.get("extensions")
    if text is None:
        raise UnreadableError("a stored document: its text isn't there to be judged", Reason.OPERATION_UNKNOWN)
    if not isinstance(text, str) or not isinstance(name, str | None):
        raise UnreadableError("the document or the operation's name is no text")
    if not isinstance(variables, dict | None) or not isinstance(extensions, dict | None):
        raise UnreadableError("variables or extensions are no object")
    _check_stored(extensions, text)
    if len(text) > longest:
        raise UnreadableError("the document is too large")
    try:
        document = parse(text, no_location=True, max_tokens=tokens)
        operation, fragments = _select(document, name)
        if reading and operation.operation is OperationType.MUTATION:
            raise UnreadableError("a mutation in a request that only reads")
        return Fields(operation, fragments, variables or {}).asked()
    except GraphQLError:
        raise UnreadableError("the document is no GraphQL, or too large") from None
    except RecursionError:
        raise UnreadableError("the document is nested too deeply") from None


def _check_stored(extensions: dict[str, Any] | None, text: str) -> None:
    """A persisted query beside its own text is fine when it is that text's hash."""
    stored = None if extensions is None else envelope(extensions, "persistedQuery").get("persistedQuery")
    if stored is None:
        return
    if not isinstance(stored, dict) or stored.get("sha256Hash") != hashlib.sha256(text.encode()).hexdigest():
        raise UnreadableError("a stored document beside another text", Reason.OPERATION_UNKNOWN)


def _select(
    document: DocumentNode, name: str | None
) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    """Return the operation that runs and all fragments (§6.1: the named one, or the only one)."""
    operations: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            operations.append(each)
        elif isinstance(each, FragmentDefinitionNode) and each.name.value not in fragments:
            fragments[each.name.value] = each
        else:
            raise UnreadableError("a definition that can't be executed, or a fragment twice")
    labels = [None if each.name is None else each.name.value for each in operations]
    if len(set(labels)) != len(labels) or (None in labels and len(labels) > 1):
        raise UnreadableError("two operations have one name")
    if name is None and len(operations) != 1:
        raise UnreadableError("a document of several operations doesn't say which")
    if name is not None and name not in labels:
        raise UnreadableError("the document has no operation of that name")
    return (operations[0] if name is None else operations[labels.index(name)]), fragments
