"""Path templates as written: what each part takes, and which query they ask for.

    match    = template ["?" asked *("&" asked)]
    asked    = key "=" value / key "={name}" a value that is captured / key alone, without a value
    template = "/" [ part *("/" part) ] ["/"]
    part     = literal / ["@"] "{name}" [":" verb / "." extension] one segment / "{name...}" one or more, last only

``/**`` alone stands for every path: the operation is told by a reader that reads the path itself. Must not know: methods, operations, percent-encoding (segments come decoded).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

Conditions = frozenset[tuple[str, str]]
"""Keys of the query with the one value each must have; ``{name}`` for one that is captured."""
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,=:@-]+")
_CAPTURE = re.compile(r"(@?)\{([a-z][a-z0-9_]{0,31})(\.\.\.)?\}([:.][A-Za-z][A-Za-z0-9_-]{0,63})?")
_CONDITION = re.compile(r"([A-Za-z][A-Za-z0-9._-]{0,63})(?:=([A-Za-z0-9._~:/-]{1,128}|\{[a-z][a-z0-9_]{0,31}\}))?")
ANY = "{}"
EVERYTHING = "/**"
_LONGEST = 32  # parts; deeper than any known API, and it bounds the walk


class PartKind(Enum):
    """What one part of a template takes."""

    LITERAL = "literal"
    CAPTURE = "capture"
    REST = "rest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a template: the literal's text or the capture's name, and what stands before and after it."""

    kind: PartKind
    text: str
    prefix: str = ""
    suffix: str = ""


def parse_match(text: str) -> tuple[tuple[Part, ...], Conditions]:
    """Read a template with its query; raise ValueError that says what to write instead."""
    path, sign, query = text.partition("?")
    return parse_template(path), _parse_conditions(query) if sign else frozenset()


def _parse_conditions(query: str) -> Conditions:
    found: dict[str, str] = {}
    for pair in query.split("&"):
        condition = _CONDITION.fullmatch(pair)
        if condition is None:
            raise ValueError(
                f"'{pair}' can't be asked of a query; write key=value in letters, digits and ._~:/-, or key={{name}}"
            )
        if condition[1].lower() in (key.lower() for key in found):
            raise ValueError(f"'{condition[1]}' is asked for twice")
        found[condition[1]] = condition[2] or ""
    names = [value for value in found.values() if value.startswith("{")]
    if len(set(names)) != len(names):
        raise ValueError("two captures have one name")
    return frozenset(found.items())


def parse_template(text: str) -> tuple[Part, ...]:
    """Read a path template; raise ValueError that says what to write instead."""
    if not text.startswith("/"):
        raise ValueError("a template starts with '/'")
    if text == "/":
        return ()
    if text == EVERYTHING:
        return (Part(PartKind.ALL, "**"),)
    parts: list[Part] = []
    pieces = text[1:].split("/")
    if len(pieces) > _LONGEST:
        raise ValueError(f"a template has at most {_LONGEST} parts")
    for position, piece in enumerate(pieces):
        last = position == len(pieces) - 1
        if capture := _CAPTURE.fullmatch(piece):
            prefix, name, rest, suffix = capture[1], capture[2], capture[3], capture[4] or ""
            if rest and (not last or prefix or suffix):
                raise ValueError(f"'{piece}' takes the remainder, so it can only be the last part, alone")
            if any(part.text == name and part.kind is not PartKind.LITERAL for part in parts):
                raise ValueError(f"two captures are named '{name}'")
            parts.append(Part(PartKind.REST if rest else PartKind.CAPTURE, name, prefix, suffix))
        elif piece == "" and last:
            parts.append(Part(PartKind.LITERAL, ""))
        elif piece == "":
            raise ValueError("a template has no empty part inside")
        elif "{" in piece or "}" in piece:
            raise ValueError(
                f"'{piece}': a capture is a whole part, written {{name}}, {{name...}}, @{{name}},"
                " {{name}}:verb or {{name}}.extension, in lower case"
            )
        elif not _LITERAL.fullmatch(piece) or not piece.strip("."):
            raise ValueError(f"'{piece}' never occurs in a decoded path; write letters, digits and -._~!$&'()+,=:@")
        else:
            parts.append(Part(PartKind.LITERAL, piece))
    return tuple(parts)


def query_captures(conditions: Conditions) -> Mapping[str, str]:
    """What a query is asked for that is captured: the name of each, by key."""
    return {key: value[1:-1] for key, value in conditions if value.startswith("{")}


def shape_of_query(conditions: Conditions) -> Conditions:
    """Conditions, whatever their captures are called."""
    return frozenset((key, ANY if value.startswith("{") else value) for key, value in conditions)


def captures_of(parts: Sequence[Part]) -> frozenset[str]:
    """Names of all captures of a template."""
    return frozenset(part.text for part in parts if part.kind in (PartKind.CAPTURE, PartKind.REST))


def shape_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """What a template matches, whatever its captures are called: two of one shape, method and query are ambiguous."""
    signs = {PartKind.CAPTURE: "{}", PartKind.REST: "{...}"}
    return tuple(f"{part.prefix}{signs.get(part.kind, part.text)}{part.suffix}" for part in parts)
