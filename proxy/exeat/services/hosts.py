"""Hosts of a service as written: an exact name, a suffix, or a template that captures labels.

    host     = name / "*." name / template
    template = [ "{name...}." ] *( label "." / "{name}." ) label "." label

``{region}`` takes one label that looks like a region (``us-east-1``), any other ``{name}`` one label, ``{name...}`` one or
more, at the beginning only: ``{bucket...}.s3.{region}.amazonaws.com``. Two templates that one host could fit are refused at
load, so every host has one reading. Must not know: services, requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import final

REGION = "region"
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}")
"""``us-east-1``, ``us-gov-west-1``: never a word that stands in a host for something else (``s3``, ``dualstack``)."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CAPTURE = re.compile(r"\{([a-z][a-z0-9_]{0,31})(\.\.\.)?\}")
_LITERAL_END = 2


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a template: the literal's text, or what it captures; ``rest`` takes all that stands before."""

    text: str
    capture: bool = False
    rest: bool = False

    def takes(self, other: Label) -> bool:
        """Whether some label fits both."""
        if self.rest or other.rest:
            return True
        if not self.capture and not other.capture:
            return self.text == other.text
        if self.capture and other.capture:
            return True
        literal, capture = (other, self) if self.capture else (self, other)
        return capture.fits(literal.text)

    def fits(self, label: str) -> bool:
        """Whether a label of a host is one of this kind."""
        if not self.capture:
            return label == self.text
        return self.text != REGION or _REGION.fullmatch(label) is not None


Template = tuple[Label, ...]
"""The labels from the last to the first, as names are read."""


def is_exact(host: str) -> bool:
    """Whether a written host is one name."""
    return "*" not in host and "{" not in host


def is_template(host: str) -> bool:
    """Whether a written host captures labels."""
    return "{" in host


def sample(host: str) -> str:
    """A name that fits a written host."""
    host = host.replace("*.", "any.", 1).replace("{region}", "us-east-1").replace("...}", "}")
    return _CAPTURE.sub(lambda found: f"any-{found[1].replace('_', '-')}", host)


def parse_host(text: str) -> Template:
    """Read a template; raise ValueError that says what to write instead."""
    pieces = re.findall(r"\{[^{}]*\}|[^.{}]+|[{}]", text)
    if ".".join(pieces) != text or len(text) > 253:
        raise ValueError(f"'{text}': a capture takes a whole label, as in 'dynamodb.{{region}}.example.com'")
    labels: list[Label] = []
    for position, piece in enumerate(pieces):
        capture = _CAPTURE.fullmatch(piece)
        if capture is None and not _LABEL.fullmatch(piece):
            raise ValueError(f"'{piece}' can't be a label of a host; write lower case, {{name}}, or {{name...}} first")
        if capture is not None and capture[2] and position:
            raise ValueError(f"'{piece}' takes one or more labels, so it can only come first")
        if capture is not None and capture[1] in (label.text for label in labels if label.capture):
            raise ValueError(f"two captures are named '{capture[1]}'")
        labels.append(Label(piece) if capture is None else Label(capture[1], capture=True, rest=bool(capture[2])))
    if len(labels) <= _LITERAL_END or any(label.capture for label in labels[-_LITERAL_END:]):
        raise ValueError(f"'{text}' must end in two labels without captures")
    return tuple(reversed(labels))


def templates_of(hosts: Sequence[str]) -> list[tuple[str, Template]]:
    """The templates among written hosts, each as written and as read; those that can't be read are left out."""
    found = []
    for host in hosts:
        if is_template(host):
            with suppress(ValueError):
                found.append((host, parse_host(host)))
    return found


def captures_of_host(text: str) -> frozenset[str]:
    """Names of all captures of a written host; none of one that is no template."""
    return frozenset(found[1] for found in _CAPTURE.finditer(text)) if is_template(text) else frozenset()


def overlap(one: Template, other: Template) -> bool:
    """Whether some host fits both templates."""
    for mine, its in zip_longest(one, other):
        if mine is None or its is None:
            return False
        if mine.rest or its.rest:
            return True
        if not mine.takes(its):
            return False
    return True


@dataclass(slots=True)
class _Node[Value]:
    literals: dict[str, _Node[Value]] = field(default_factory=dict)
    captures: list[tuple[Label, _Node[Value]]] = field(default_factory=list)
    end: tuple[tuple[str, ...], Value] | None = None
    rest: tuple[tuple[str, ...], Value] | None = None


@final
class HostTemplates[Value]:
    """Templates and what each stands for, in one trie from the last label to the first. Built once; never changed after."""

    __slots__ = ("_root",)

    def __init__(self, written: Sequence[tuple[Template, Value]]) -> None:
        """Compile; raise ValueError when one host could fit two of them."""
        self._root: _Node[Value] = _Node()
        for number, (template, value) in enumerate(written):
            if any(overlap(template, other) for other, _ in written[:number]):
                raise ValueError("one host could fit two templates")
            node = self._root
            names = tuple(label.text for label in template if label.capture)
            for label in template:
                if label.rest:
                    node.rest = (names, value)
                    break
                node = _below(node, label)
            else:
                node.end = (names, value)

    def find(self, host: str) -> tuple[Value, Mapping[str, str]] | None:
        """Return what a canonical host's only template stands for, and what it captures."""
        return _walk(self._root, host.split("."), [])


def _below[Value](node: _Node[Value], label: Label) -> _Node[Value]:
    if not label.capture:
        return node.literals.setdefault(label.text, _Node())
    kind = Label(REGION if label.text == REGION else "", capture=True)
    for other, inner in node.captures:
        if other == kind:
            return inner
    inner = _Node()
    node.captures.append((kind, inner))
    return inner


def _walk[Value](node: _Node[Value], left: list[str], values: list[str]) -> tuple[Value, Mapping[str, str]] | None:
    if not left:
        return None if node.end is None else (node.end[1], dict(zip(node.end[0], values, strict=True)))
    *before, label = left
    child = node.literals.get(label)
    if child is not None and (found := _walk(child, before, values)) is not None:
        return found
    for kind, inner in node.captures:
        if kind.fits(label) and (found := _walk(inner, before, [*values, label])) is not None:
            return found
    if node.rest is None:
        return None
    return node.rest[1], dict(zip(node.rest[0], [*values, ".".join(left)], strict=True))
