"""Nested forms as two servers build them, as models of their own: PHP by one scan of the key, qs by merging one object for each pair.

Lists are objects by position, as PHP has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_SPACE = frozenset(" \t\n\v\f\r")
_SEGMENT = re.compile(r"\[[^\[\]]*\]")
_DEPTH, _LIMIT, _MOST = 5, 20, 1000
_OBJECTS = frozenset({
    "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf", "__proto__",
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
})  # fmt: skip


def by_php(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """As main/php_variables.c: a later pair wins over what stands there, the first 1000 count (max_input_vars)."""
    found: dict[str, Any] = {}
    for key, value in list(pairs)[:_MOST]:
        names = _php_names(key.partition("\0")[0].lstrip(" "))
        at = found
        for name in names[:-1]:
            place = _next(at) if name is None else name
            if not isinstance(at.get(place), dict):
                at[place] = {}
            at = at[place]
        if names[0]:
            at[_next(at) if names[-1] is None else names[-1]] = value
    return found


def _php_names(key: str) -> list[str | None]:
    """The name of the variable and its indexes; None stands for the next free one."""
    name = key[: key.find("[")] if "[" in key else key
    names: list[str | None] = [name.replace(".", "_").replace(" ", "_")]
    at = len(name)
    while key[at : at + 1] == "[":
        begins = at + 1
        ends = key.find("]", begins)
        if ends < 0:
            names[-1] = f"{names[-1] or ''}_{key[begins:]}"
            break
        inner = key[begins:ends]
        names.append(None if not inner or (len(inner) == 1 and inner in _SPACE) else inner)
        at = ends + 1
    return names


def _next(at: dict[str, Any]) -> str:
    return str(max((int(name) for name in at if re.fullmatch(r"0|[1-9]\d{0,17}", name, re.ASCII)), default=-1) + 1)


def by_qs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """As qs does by its defaults (depth 5, arrayLimit 20, parameterLimit 1000, no names of Object.prototype)."""
    found: dict[str, Any] = {}
    for key, value in list(pairs)[:_MOST]:
        names = _qs_names(key)
        if names is None:
            continue
        made: Any = value
        for name in reversed(names):
            made = {name: made}
        _merge(found, made)
    return {name: _closed(value) for name, value in found.items()}


def _qs_names(key: str) -> list[str] | None:
    first = _SEGMENT.search(key)
    parent = key[: first.start()] if first else key
    names = [parent] if parent else []
    at = len(parent)
    while (segment := _SEGMENT.match(key, at)) and len(names) <= _DEPTH:
        names.append(segment[0][1:-1])
        at = segment.end()
    if segment:
        names.append(key[at:])  # deeper than it goes: as text
    return None if not names or _OBJECTS & set(names) else names


def _merge(into: dict[str, Any], made: dict[str, Any]) -> None:
    ((name, value),) = made.items()
    place = name or _next(into)
    there = into.get(place)
    if isinstance(there, dict) and isinstance(value, dict):
        _merge(there, value)
    elif there is None and isinstance(value, dict):
        into[place] = {}
        _merge(into[place], value)
    elif there is None:
        into[place] = value
    else:
        into[place] = [there, value]


def _closed(value: Any) -> Any:
    """Holes of a list are closed, and its order is that of the numbers."""
    if not isinstance(value, dict):
        return value
    inner = {name: _closed(each) for name, each in value.items()}
    numbers = [int(name) for name in inner if re.fullmatch(r"0|[1-9]\d{0,17}", name, re.ASCII)]
    if len(numbers) < len(inner) or max(numbers) > _LIMIT:
        return inner
    return {str(place): inner[str(number)] for place, number in enumerate(sorted(numbers))}
