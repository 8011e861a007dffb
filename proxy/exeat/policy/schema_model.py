"""Declarations of a schema, read from the canonical text that Cedar itself prints.

What a site added counts as much as what was generated, so the engine's own text is read and not the catalogue. Must not
know: services, what a sound schema looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exeat.policy.source import Token, tokens


class UnknownSchemaError(ValueError):
    """The canonical text holds a declaration this reader was not written for."""


@dataclass(slots=True)
class TypeDeclaration:
    """An entity type. ``attributes`` maps names (with ``?`` when optional) to types; None when they aren't written out."""

    name: str
    start: int
    end: int = 0
    parents: tuple[str, ...] = ()
    attributes: Mapping[str, str] | None = field(default_factory=dict)
    enumerated: bool = False
    tags: bool = False


@dataclass(slots=True)
class ActionDeclaration:
    """An action. ``applies`` is False for a group."""

    name: str
    start: int
    end: int = 0
    applies: bool = False
    principals: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    context: str = ""


@dataclass(slots=True)
class Declarations:
    """All types by full name and all actions by id."""

    types: dict[str, TypeDeclaration] = field(default_factory=dict)
    actions: dict[str, ActionDeclaration] = field(default_factory=dict)

    def ancestors(self, type_: str) -> frozenset[str]:
        """Every type an entity of this one can lie in, at any distance."""
        found: set[str] = set()
        waiting = [type_]
        while waiting:
            declaration = self.types.get(waiting.pop())
            for parent in declaration.parents if declaration else ():
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return frozenset(found)


class _Words:
    """Tokens with one to look at."""

    def __init__(self, text: str) -> None:
        self._words = tokens(text)
        self._at = 0

    @property
    def next(self) -> Token | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def take(self, *expected: str) -> Token:
        word = self.next
        if word is None or (expected and word.text not in expected):
            raise UnknownSchemaError(
                f"{word.text if word else 'the end'} where {' or '.join(expected) or 'more'} belongs"
            )
        self._at += 1
        return word

    def skip(self, text: str) -> bool:
        if self.next is not None and self.next.text == text:
            self._at += 1
            return True
        return False

    def path(self) -> str:
        name = self.take().value
        while self.skip("::"):
            name += "::" + self.take().value
        return name

    def until(self, *closing: str) -> str:
        """The text up to a mark at the same depth, which is left."""
        depth, written = 0, ""
        while (word := self.next) is not None and (depth or word.text not in closing):
            depth += {"{": 1, "<": 1, "[": 1, "}": -1, ">": -1, "]": -1}.get(word.text, 0)
            written += self.take().text
        return written

    def names(self) -> tuple[str, ...]:
        if not self.skip("["):
            return (self.path(),)
        found = []
        while not self.skip("]"):
            found.append(self.path())
            self.skip(",")
        return tuple(found)


def read_schema(text: str) -> Declarations:
    """Read canonical schema text; raise UnknownSchemaError for anything else."""
    declared, words = Declarations(), _Words(text)
    references: list[tuple[str, TypeDeclaration | ActionDeclaration]] = []
    for namespace, start, word in _declarations(words):
        if word.text == "action" and namespace:
            raise UnknownSchemaError(f"an action in the namespace {namespace}: actions stand outside of any")
        if word.text == "action":
            action = _action(words, start)
            declared.actions[action.name] = action
            references.append((namespace, action))
        elif word.text == "entity":
            type_ = _entity(words, start, namespace)
            declared.types[type_.name] = type_
            references.append((namespace, type_))
        elif word.text == "type":
            words.until(";")
            words.take(";")
        else:
            raise UnknownSchemaError(f"the declaration {word.text!r}")
    for namespace, item in references:
        _resolve(declared, namespace, item)
    return declared


def _declarations(words: _Words) -> Iterator[tuple[str, int, Token]]:
    """Namespace, offset (annotations included) and first word of every declaration."""
    namespace, annotated = "", None
    while (word := words.next) is not None:
        if words.skip("@"):
            annotated = word.start if annotated is None else annotated
            words.take()
            if words.skip("("):
                words.take()
                words.take(")")
        elif words.skip("namespace"):
            namespace, annotated = words.path(), None
            words.take("{")
        elif words.skip("}"):
            namespace = ""
        else:
            yield namespace, word.start if annotated is None else annotated, words.take()
            annotated = None


def _entity(words: _Words, start: int, namespace: str) -> TypeDeclaration:
    name = words.take().text
    type_ = TypeDeclaration(f"{namespace}::{name}" if namespace else name, start)
    if words.skip("in"):
        type_.parents = words.names()
    if words.skip("enum"):
        type_.enumerated = True
        words.until(";")
    elif words.skip("="):
        type_.attributes = _attributes(words)
    if words.skip("tags"):
        type_.tags = True
        words.until(";")
    type_.end = words.take(";").end
    return type_


def _attributes(words: _Words) -> Mapping[str, str] | None:
    if not words.skip("{"):
        words.until("tags", ";")
        return None
    attributes = {}
    while not words.skip("}"):
        name = words.take().value + ("?" if words.skip("?") else "")
        words.take(":")
        attributes[name] = words.until(",", "}")
        words.skip(",")
    return attributes


def _action(words: _Words, start: int) -> ActionDeclaration:
    action = ActionDeclaration(words.take().value, start)
    if words.skip("in"):
        words.names()  # the groups are taken from Cedar's own entities, where they are transitive
    if words.skip("appliesTo"):
        action.applies = True
        words.take("{")
        while not words.skip("}"):
            part = words.take("principal", "resource", "context").text
            words.take(":")
            if part == "principal":
                action.principals = words.names()
            elif part == "resource":
                action.resources = words.names()
            else:
                action.context = words.until(",", "}")
            words.skip(",")
    words.until(";")
    action.end = words.take(";").end
    return action


def _resolve(declared: Declarations, namespace: str, item: TypeDeclaration | ActionDeclaration) -> None:
    def full(name: str) -> str:
        local = f"{namespace}::{name}"
        return local if namespace and local in declared.types else name

    if isinstance(item, TypeDeclaration):
        item.parents = tuple(map(full, item.parents))
        if item.attributes is not None:
            item.attributes = {name: full(type_) for name, type_ in item.attributes.items()}
    else:
        item.principals = tuple(map(full, item.principals))
        item.resources = tuple(map(full, item.resources))
