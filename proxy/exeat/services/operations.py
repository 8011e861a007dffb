"""Path templates: how a method and a path find their operation.

    template = "/" [ part *("/" part) ] ["/"]
    part     = literal / "{name}" one segment / "{name...}" one or more, last only

A literal wins over a capture, a capture over a rest. A trailing slash is a part of its own: only a template written with
one matches a path that ends in one. Must not know: hosts, resources, percent-encoding (segments come decoded).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import final

from exeat.model.service import Group, Operation

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Every method a request may use, and so the only ones an operation can be for."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,=:@-]+")
_CAPTURE = re.compile(r"\{([a-z][a-z0-9_]{0,31})(\.\.\.)?\}")
_LONGEST = 32  # parts; deeper than any known API, and it bounds the walk


class PartKind(Enum):
    """What one part of a template takes."""

    LITERAL = "literal"
    CAPTURE = "capture"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a template: the literal's text or the capture's name."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class Matched:
    """An operation and what its template captured."""

    operation: Operation
    captures: Mapping[str, str]


def unlisted_group(method: str) -> Group:
    """Return the strictest reading of a request that fits no template.

    What an unlisted POST does is unknown, so only a mission granted admin may send it.
    """
    return Group.READ if method in _READING else Group.ADMIN


def parse_template(text: str) -> tuple[Part, ...]:
    """Read a path template; raise ValueError that says what to write instead."""
    if not text.startswith("/"):
        raise ValueError("a template starts with '/'")
    if text == "/":
        return ()
    parts: list[Part] = []
    pieces = text[1:].split("/")
    if len(pieces) > _LONGEST:
        raise ValueError(f"a template has at most {_LONGEST} parts")
    for position, piece in enumerate(pieces):
        last = position == len(pieces) - 1
        if capture := _CAPTURE.fullmatch(piece):
            if capture[2] and not last:
                raise ValueError(f"'{piece}' takes the remainder, so it can only be the last part")
            if any(part.text == capture[1] and part.kind is not PartKind.LITERAL for part in parts):
                raise ValueError(f"two captures are named '{capture[1]}'")
            parts.append(Part(PartKind.REST if capture[2] else PartKind.CAPTURE, capture[1]))
        elif piece == "" and last:
            parts.append(Part(PartKind.LITERAL, ""))
        elif piece == "":
            raise ValueError("a template has no empty part inside")
        elif "{" in piece or "}" in piece:
            raise ValueError(f"'{piece}': a capture is a whole part, written {{name}} or {{name...}} in lower case")
        elif not _LITERAL.fullmatch(piece) or not piece.strip("."):
            raise ValueError(f"'{piece}' never occurs in a decoded path; write letters, digits and -._~!$&'()+,=:@")
        else:
            parts.append(Part(PartKind.LITERAL, piece))
    return tuple(parts)


def captures_of(parts: Sequence[Part]) -> frozenset[str]:
    """Names of all captures of a template."""
    return frozenset(part.text for part in parts if part.kind is not PartKind.LITERAL)


def shape_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """What a template matches, whatever its captures are called: two of one shape and method are ambiguous."""
    signs = {PartKind.CAPTURE: "{}", PartKind.REST: "{...}"}
    return tuple(signs.get(part.kind, part.text) for part in parts)


@dataclass(frozen=True, slots=True)
class _Leaf:
    operation: Operation
    names: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    capture: _Node | None = None
    rest: _Leaf | None = None
    leaf: _Leaf | None = None


@final
class Matcher:
    """All templates of one service, as a trie for each method. Built once; never changed after."""

    __slots__ = ("_roots",)

    def __init__(self, operations: Sequence[Operation]) -> None:
        """Compile; raise ValueError for a bad template, an unknown method or two templates of one shape."""
        self._roots: dict[str, _Node] = {}
        for operation in operations:
            parts = parse_template(operation.template)
            for method in operation.methods:
                if method not in METHODS:
                    raise ValueError(f"{method} is not a method a request may use")
                self._insert(self._roots.setdefault(method, _Node()), parts, operation)

    @staticmethod
    def _insert(node: _Node, parts: Sequence[Part], operation: Operation) -> None:
        leaf = _Leaf(operation, tuple(part.text for part in parts if part.kind is not PartKind.LITERAL))
        for part in parts:
            if part.kind is PartKind.REST:
                if node.rest is not None:
                    raise ValueError(f"{operation.template} has the same shape as {node.rest.operation.template}")
                node.rest = leaf
                return
            if part.kind is PartKind.LITERAL:
                node = node.literals.setdefault(part.text, _Node())
            else:
                node.capture = node.capture or _Node()
                node = node.capture
        if node.leaf is not None:
            raise ValueError(f"{operation.template} has the same shape as {node.leaf.operation.template}")
        node.leaf = leaf

    def match(self, method: str, segments: tuple[str, ...]) -> Matched | None:
        """Return the operation of a canonical path, or None. HEAD falls back to GET (RFC 9110 §9.3.2)."""
        root = self._roots.get(method)
        if root is not None:
            values: list[str] = []
            leaf = _walk(root, segments, 0, values)
            if leaf is not None:
                return Matched(leaf.operation, dict(zip(leaf.names, values, strict=True)))
        return self.match("GET", segments) if method == "HEAD" else None


def _walk(node: _Node, segments: tuple[str, ...], at: int, values: list[str]) -> _Leaf | None:
    if at == len(segments):
        return node.leaf
    segment = segments[at]
    child = node.literals.get(segment)
    if child is not None and (found := _walk(child, segments, at + 1, values)) is not None:
        return found
    if node.capture is not None and segment:
        values.append(segment)
        if (found := _walk(node.capture, segments, at + 1, values)) is not None:
            return found
        values.pop()
    if node.rest is not None and segments[-1]:
        values.append("/".join(segments[at:]))
        return node.rest
    return None
