"""Values that hold several names: a URL or ARN whose parts name the resource, taken apart in one known way.

    template = 1*( literal / "{name}" )          https://sqs.{region}.amazonaws.com/{account}/{queue}

Must not know: where a value stands, resources.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"\{(?P<name>[a-z][a-z0-9_]{0,31})\}|(?P<literal>[A-Za-z0-9:/._~#+=@-]+)")
_TAKES = r"[A-Za-z0-9_.-]{1,256}"


def parse_parts(template: str) -> re.Pattern[str]:
    """Return a pattern that takes whole values; raise ValueError that says what to write instead."""
    pattern, end, names = "", 0, set[str]()
    for piece in _PIECE.finditer(template):
        name, literal = piece["name"], piece["literal"]
        if piece.start() != end or (name and (name in names or pattern.endswith(")"))):
            break
        pattern += re.escape(literal) if literal else f"(?P<{name}>{_TAKES})"
        names |= {name} - {None}
        end = piece.end()
    if end != len(template) or not names:
        raise ValueError(
            f"'{template}': write the value with each name once, as in 'https://h.example/{{account}}/{{queue}}'"
        )
    return re.compile(pattern)


def part_names(template: str) -> frozenset[str]:
    """What a template names."""
    return frozenset(piece["name"] for piece in _PIECE.finditer(template) if piece["name"])
