"""How a method, a path and a query find their operation: every template of a service in one trie.

A literal wins over a capture with a mark (``@{name}``, ``{name}:verb``, ``{name}.git``), that over a plain capture, and a capture over a rest.
A trailing slash is a part of its own: only a template written with one matches a path that ends in one. Must not know: hosts,
resources, percent-encoding (segments come decoded).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from exeat.model.service import Group, Operation
from exeat.services.query import exact_values
from exeat.services.templates import (
    ANY,
    EVERYTHING,
    Conditions,
    Part,
    PartKind,
    parse_match,
    query_captures,
    shape_of_query,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
"""Every method a request may use, and so the only ones an operation can be for; ``WEBSOCKET`` is a handshake."""
_NOWHERE = "\0"
"""Stands in no segment: control characters are refused long before."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Matched:
    """An operation and what its template captured."""

    operation: Operation
    captures: Mapping[str, str]
    from_query: bool = False
    """Whether the query gave one of the captures: then no body may name it too."""


def unlisted_group(method: str) -> Group:
    """Return the strictest reading of a request that fits no template.

    What an unlisted POST does is unknown, so only a mission granted admin may send it.
    """
    return Group.READ if method in _READING else Group.ADMIN


@dataclass(frozen=True, slots=True)
class _Leaf:
    operation: Operation
    names: tuple[str, ...]
    asked: Mapping[str, str]


@dataclass(slots=True)
class _Choice:
    """The operations of one path, told apart by the query; ``keys`` are all that any of them asks for."""

    leaves: dict[Conditions, _Leaf] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    """Those of ``keys`` whose value is captured."""

    def pick(self, query: str, captures: dict[str, str]) -> _Leaf | None:
        """The one whose conditions are exactly what the query says about ``keys``; what it captures joins ``captures``."""
        if not self.keys:
            return self.leaves[frozenset()]
        said = exact_values(query, self.keys, self.free)
        if said is None:
            return None
        leaf = self.leaves.get(frozenset((key, ANY if key in self.free else value) for key, value in said.items()))
        if leaf is not None:
            captures |= {name: said[key] for key, name in leaf.asked.items()}
        return leaf


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    affixed: dict[tuple[str, str], _Node] = field(default_factory=dict)
    capture: _Node | None = None
    rest: _Choice | None = None
    leaf: _Choice | None = None


@final
class Matcher:
    """All templates of one service, as a trie for each method. Built once; never changed after."""

    __slots__ = ("_barred", "_roots", "_whole")

    def __init__(self, operations: Sequence[Operation], *, slashes: bool = False) -> None:
        """Compile; raise ValueError for a bad template, an unknown method or two templates of one shape.

        With ``slashes`` a ``/`` that was escaped may stand in a capture of one segment.
        """
        self._roots: dict[str, _Node] = {}
        self._barred = _NOWHERE if slashes else "/"
        self._whole: dict[str, Operation] = {}
        """The operations for every path, by method; a service that has one has no other."""
        for operation in operations:
            if operation.template == EVERYTHING:
                self._whole |= dict.fromkeys(operation.methods, operation)
                continue
            parts, conditions = parse_match(operation.template)
            if any(part.suffix[:1] == ":" for part in parts):
                self._barred = ":"
            for method in operation.methods:
                if method not in METHODS:
                    raise ValueError(f"{method} is not a method a request may use")
                self._insert(self._roots.setdefault(method, _Node()), parts, conditions, operation)

    @staticmethod
    def _insert(node: _Node, parts: Sequence[Part], conditions: Conditions, operation: Operation) -> None:
        choice: _Choice | None = None
        for part in parts:
            if part.kind is PartKind.REST:
                choice = node.rest = node.rest or _Choice()
            elif part.kind is PartKind.LITERAL:
                node = node.literals.setdefault(part.text, _Node())
            elif part.prefix or part.suffix:
                node = node.affixed.setdefault((part.prefix, part.suffix), _Node())
            else:
                node.capture = node.capture or _Node()
                node = node.capture
        if choice is None:
            choice = node.leaf = node.leaf or _Choice()
        shape, asked = shape_of_query(conditions), query_captures(conditions)
        if (other := choice.leaves.get(shape)) is not None:
            raise ValueError(f"{operation.template} has the same shape as {other.operation.template}")
        names = tuple(part.text for part in parts if part.kind is not PartKind.LITERAL)
        choice.leaves[shape] = _Leaf(operation, names, asked)
        choice.keys |= {key for key, _ in conditions}
        choice.free |= asked.keys()
        if any(value != ANY for leaf in choice.leaves for key, value in leaf if key in choice.free):
            raise ValueError(f"{operation.template} captures what another operation asks for by its value")

    def match(self, method: str, segments: tuple[str, ...], query: str = "") -> Matched | None:
        """Return the operation of a canonical path and raw query, or None. HEAD falls back to GET (RFC 9110 §9.3.2).

        The path alone chooses the template; a query that none of its operations asks for never leads to a wider one.
        """
        if self._whole:
            whole = self._whole.get(method)
            return None if whole is None else Matched(whole, {})
        values: list[str] = []
        choice = self._find(method, segments, values)
        captures: dict[str, str] = {}
        leaf = None if choice is None else choice.pick(query, captures)
        if leaf is None:
            return None
        return Matched(leaf.operation, {**dict(zip(leaf.names, values, strict=True)), **captures}, bool(leaf.asked))

    def knows(self, method: str, segments: tuple[str, ...]) -> bool:
        """Whether an operation describes this path, whatever query it asks for."""
        return self._find(method, segments, []) is not None

    def _find(self, method: str, segments: tuple[str, ...], values: list[str]) -> _Choice | None:
        root = self._roots.get(method)
        found = None if root is None else _walk(root, segments, 0, values, self._barred)
        if found is None and method == "HEAD":
            values.clear()
            return self._find("GET", segments, values)
        return found


def _walk(node: _Node, segments: tuple[str, ...], at: int, values: list[str], barred: str) -> _Choice | None:
    """``barred`` can't stand in a plain capture: where one operation has a verb, ``:`` means one everywhere in the service."""
    if at == len(segments):
        return node.leaf
    segment = segments[at]
    child = node.literals.get(segment)
    if child is not None and (found := _walk(child, segments, at + 1, values, barred)) is not None:
        return found
    marked = False
    for (prefix, suffix), inner in node.affixed.items():
        if not _carries(segment, prefix, suffix):
            continue
        marked = True
        name = segment.removeprefix(prefix).removesuffix(suffix)
        if not name or prefix + name + suffix != segment or _carries(name, prefix, suffix):
            continue
        values.append(name)
        if (found := _walk(inner, segments, at + 1, values, barred)) is not None:
            return found
        values.pop()
    if marked:
        return None  # a mark that is known here, but not so: never a plain name
    if node.capture is not None and segment and barred not in segment:
        values.append(segment)
        if (found := _walk(node.capture, segments, at + 1, values, barred)) is not None:
            return found
        values.pop()
    if node.rest is not None and segments[-1]:
        values.append("/".join(segments[at:]))
        return node.rest
    return None


def _carries(segment: str, prefix: str, suffix: str) -> bool:
    """Whether some server could see one of the marks in a segment: any ``:``, or an extension in any case."""
    verb = ":" in segment if suffix[:1] == ":" else suffix != "" and segment.lower().endswith(suffix.lower())
    return verb or (prefix != "" and segment.startswith(prefix))
