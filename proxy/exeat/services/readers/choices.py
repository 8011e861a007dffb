"""Operations that share one match and are told apart by the body.

The matcher gets one operation for each method and template; when it is met, the choices say how to read on. Must not know:
requests' paths, policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import cast

from exeat.model.decision import Enough
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import Operation
from exeat.services.query import plain_key
from exeat.services.readers.arguments import arguments_in_body
from exeat.services.readers.descriptors import Descriptors
from exeat.services.readers.grpc import grpc_reader
from exeat.services.readers.pairs import names
from exeat.services.readers.parts import parse_parts
from exeat.services.readers.pointers import Pointer, capture, parse_pointer, stands
from exeat.services.readers.reading import MOST_ASKED, Asked, UnreadableError
from exeat.services.readers.receive_pack import CommandsEnd
from exeat.services.readers.s3 import s3_needs_body
from exeat.services.readers.selects import Selects, check_select
from exeat.services.templates import parse_match, query_captures

Reader = Callable[[CanonicalRequest, bytes], tuple[Asked, ...]]
HeadReader = Callable[[CanonicalRequest, bytes, Mapping[str, str]], tuple[Asked, ...]]
"""A reader that looks at what host and path capture, too."""

_READERS: Mapping[str, tuple[str, str]] = {
    "graphql": ("graphql", "read_graphql"),
    "jsonrpc": ("jsonrpc", "read_jsonrpc"),
    "mcp": ("mcp", "read_mcp"),
    "json": ("document", "read_json_body"),
    "form": ("document", "read_form_body"),
    "git-receive-pack": ("receive_pack", "read_receive_pack"),
    "s3": ("s3", "read_s3"),
    "aws": ("aws", "read_aws"),
    "arguments": ("arguments", "read_arguments"),
}
_WITH_CAPTURES = frozenset({"s3"})
_BODY_ONLY_IF: Mapping[str, Callable[[CanonicalRequest], bool]] = {"s3": s3_needs_body, "arguments": arguments_in_body}
"""Readers that need the body of some requests only, and of which."""
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
METHODS: Mapping[str, frozenset[str]] = {
    "graphql": frozenset({"GET", "HEAD", "POST"}),
    "jsonrpc": frozenset({"POST"}),
    "mcp": frozenset({"POST"}),
    "json": _CHANGING,
    "form": _CHANGING,
    "git-receive-pack": frozenset({"POST"}),
    "s3": _CHANGING - {"PATCH"} | {"GET", "HEAD"},
    "aws": frozenset({"GET", "POST"}),
    "arguments": frozenset({"GET", "POST"}),
    "grpc": frozenset({"POST"}),
}
"""The methods whose bodies (for GraphQL by GET: whose queries) a reader reads."""
_MAY_BE_FORM = frozenset({"form", "arguments"})
_BEGINNINGS: Mapping[str, Callable[[], Enough]] = {"git-receive-pack": CommandsEnd}
"""Readers of a body's beginning, and what tells for one body when that is there: what follows streams on unread."""
IN_DOCUMENT = frozenset({"json", "form", "arguments"})
"""Readers of plain bodies, whose top level a query could name too."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One operation and its captures. Those in ``flat`` stand inside an id, where a ``/`` would give it two readings."""

    operation: Operation
    pointers: Mapping[str, Pointer]
    flat: frozenset[str]
    parts: Mapping[str, re.Pattern[str]]
    absent: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One thing asked: what it is called, its operation (None when no select fits), its captures."""

    select: str
    operation: Operation | None
    captures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choices:
    """How to read a request that fits one match; ``limit`` in bytes is the largest body that is read."""

    reader: str
    limit: int
    selects: Selects[Choice]
    _read: HeadReader
    _outside: frozenset[str]
    _beginning: Callable[[], Enough] | None = None
    _body_if: Callable[[CanonicalRequest], bool] | None = None
    _in_query: frozenset[str] = frozenset()
    """Keys that the query is asked for, each as :func:`plain_key` has it: the body must not name them."""
    _secrets: frozenset[str] = frozenset()
    """Keys under which the service takes its credential: where a body is a form or may be one, none may stand there."""

    def needs_body(self, request: CanonicalRequest) -> bool:
        """Whether what is asked lies in the body."""
        return request.method not in ("GET", "HEAD") if self._body_if is None else self._body_if(request)

    def enough(self) -> Enough | None:
        """What tells of one body when its beginning is there; None when all of it is read."""
        return None if self._beginning is None else self._beginning()

    def read(self, request: CanonicalRequest, body: bytes, given: Mapping[str, str]) -> tuple[Found, ...]:
        """Return everything asked, each with its operation; raise UnreadableError. ``given`` is what host and path capture."""
        if request.query and (body or request.has_body) and self._outside & names(request.query):
            raise UnreadableError("the query and the body both name the resource")
        read = self._read(request, body, given)
        for asked in read if self._in_query else ():
            if isinstance(asked.arguments, dict) and not self._in_query.isdisjoint(map(plain_key, asked.arguments)):
                raise UnreadableError("the query names the resource, and so does the body")
        for asked in read if self._secrets and request.has_body else ():
            if isinstance(asked.arguments, dict) and not self._secrets.isdisjoint(map(plain_key, asked.arguments)):
                raise UnreadableError("a credential in the body", Reason.CREDENTIAL_FOREIGN)
        found = [each for asked in read for each in self._found(asked)]
        if len(found) > MOST_ASKED:
            raise UnreadableError("too many things are asked for at once")
        return tuple(found)

    def _found(self, asked: Asked) -> Iterator[Found]:
        choice = self.selects.find(asked.select)
        if choice is None:
            yield Found(asked.select, None, {})
            return
        if any(stands(pointer, asked.arguments) for pointer in choice.absent):
            raise UnreadableError("the body says more than this operation may", Reason.OPERATION_UNKNOWN)
        for values in capture(choice.pointers, asked.arguments):
            yield Found(asked.select, choice.operation, _taken_apart(choice, values))


def _taken_apart(choice: Choice, values: dict[str, str]) -> dict[str, str]:
    """Captured values with what their parts name; raise UnreadableError for one that isn't written in the one way."""
    for name, pattern in choice.parts.items():
        found = pattern.fullmatch(values[name])
        if found is None:
            raise UnreadableError("the resource is not named in the one way that is known", Reason.OPERATION_UNKNOWN)
        for part, value in found.groupdict().items():
            if values.setdefault(part, value) != value:
                raise UnreadableError("the body names the resource in two ways")
    if any("/" in values[name] for name in choice.flat):
        raise UnreadableError("a '/' in a value that stands inside an id")
    return values


def shared_matches(
    operations: Sequence[Operation],
    inner: Callable[[str], Collection[str]],
    secrets: frozenset[str] = frozenset(),
    descriptors: Descriptors | None = None,
) -> tuple[tuple[Operation, ...], Mapping[tuple[str, str], Choices]]:
    """Return what the matcher shall hold, and the choices by (method, template) of those that read.

    ``secrets`` are the query keys of its credential, ``descriptors`` describe its gRPC
    messages. ``inner`` returns the captures of a resource type that something follows in an id. Raise ValueError on what the
    checks should have found.
    """
    plain = tuple(each for each in operations if not each.reader)
    groups: dict[tuple[str, str], list[Operation]] = {}
    for each in operations:
        for method in each.methods if each.reader else ():
            groups.setdefault((method, each.template), []).append(each)
    heads = tuple(replace(group[0], methods=(method,)) for (method, _), group in groups.items())
    return plain + heads, {key: _choices(group, inner, secrets, descriptors) for key, group in groups.items()}


def _choices(
    group: Sequence[Operation],
    inner: Callable[[str], Collection[str]],
    secrets: frozenset[str],
    descriptors: Descriptors | None,
) -> Choices:
    reader = group[0].reader
    written: dict[str, Choice] = {}
    for each in group:
        check_select(each.reader, each.select)
        if each.reader != reader or each.select in written:
            raise ValueError(f"{each.template} is read in two ways, or one select stands there twice")
        pointers = {name: parse_pointer(pointer) for name, pointer in each.captures}
        parts = {name: parse_parts(template) for name, template in each.parts}
        flat = frozenset(inner(each.resource)).intersection(pointers)
        written[each.select] = Choice(each, pointers, flat, parts, tuple(map(parse_pointer, each.absent)))
    outside = {plain_key(pointer[0]) for choice in written.values() for pointer in choice.pointers.values()}
    return Choices(
        reader,
        min(each.max_body for each in group),
        Selects(written),
        _reader(reader) if reader != "grpc" else _grpc(group[0], written.values(), descriptors),
        frozenset(outside) if reader in IN_DOCUMENT else frozenset(),
        _BEGINNINGS.get(reader),
        _BODY_ONLY_IF.get(reader),
        frozenset(plain_key(key) for key in query_captures(parse_match(group[0].template)[1])),
        secrets if reader in _MAY_BE_FORM else frozenset(),
    )


def _grpc(operation: Operation, choices: Collection[Choice], descriptors: Descriptors | None) -> HeadReader:
    """The reader of one method's message, made for what its operation captures."""
    if descriptors is None:
        raise ValueError(f"{operation.template} needs the service's descriptor")
    read = grpc_reader(descriptors, operation.template, [each for one in choices for each in one.pointers.values()])
    return lambda request, body, _: read(request, body)


def _reader(name: str) -> HeadReader:
    """The function of a reader, its module loaded where a service uses it."""
    module, function = _READERS[name]
    found = getattr(import_module(f"{__package__}.{module}"), function)
    if name in _WITH_CAPTURES:
        return cast("HeadReader", found)
    read = cast("Reader", found)
    return lambda request, body, _: read(request, body)
