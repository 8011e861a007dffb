"""Forms with nested keys, as Stripe, Rails, PHP and qs write them: ``metadata[a]``, ``items[0][price]``, ``tags[]``.

    key = name *( "[" part "]" ) [ "[]" ]

Readers differ in what they do with anything else: a list with a hole, a number in two spellings, a list of objects without
numbers, depth, a key that is both a value and an object, a blank index, what JavaScript keeps for itself, more pairs than are
kept. All of that is refused. Cites: qs (its README); PHP, main/php_variables.c. Must not know: what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from exeat.services.query import plain_key
from exeat.services.readers.reading import UnreadableError

_KEY = re.compile(r"(?P<name>[^\[\]]+)(?P<parts>(?:\[[^\[\]]+\])*)(?P<list>\[\])?")
_PART = re.compile(r"\[([^\[\]]+)\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEEPEST = 5
"""Brackets in one key, empty ones too: qs, the shallowest of the known readers, keeps what is deeper as text (its option ``depth``)."""
_LONGEST_LIST = 20
"""Numbers in one list: beyond it qs makes an object of it (its option ``arrayLimit``)."""
_MOST = 1000
"""Pairs: what follows isn't there to PHP (``max_input_vars``) and to qs (``parameterLimit``)."""
_NOT_READ = frozenset({
    "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf", "__proto__",
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
})  # fmt: skip
"""Names of JavaScript's Object.prototype: qs leaves a pair out whose key has one (its option ``allowPrototypes``)."""


def read_nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the values by their nested keys, lists as lists; raise UnreadableError unless every reader sees the same."""
    if len(pairs) > _MOST:
        raise UnreadableError("the form has more pairs than every server reads")
    found: dict[str, Any] = {}
    for key, value in pairs:
        names, listed = _names(key)
        at = found
        for name in names[:-1]:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                raise _twice()
        if listed:
            values = at.setdefault(names[-1], [])
            if not isinstance(values, list):
                raise _twice()
            values.append(value)
        elif names[-1] in at:
            raise _twice()
        else:
            at[names[-1]] = value
    if len({plain_key(name) for name in found}) != len(found):
        raise UnreadableError("two keys of the form are the same to some servers")
    return {name: _with_lists(value) for name, value in found.items()}


def _names(key: str) -> tuple[list[str], bool]:
    """The nested keys that one key spells, and whether a list is behind the last."""
    parts = _KEY.fullmatch(key)
    if parts is None or _CONTROL.search(key):
        raise UnreadableError("a key of the form with brackets that have no one reading")
    names = [parts["name"], *_PART.findall(parts["parts"])]
    listed = parts["list"] is not None
    if len(names) - 1 + listed > _DEEPEST:
        raise UnreadableError("a key of the form is nested too deeply")
    # To PHP a[ ] is a[], and a blank behind a name an underscore, where others cut it off.
    if not all(map(str.strip, names)) or names[0] != names[0].strip() or not _NOT_READ.isdisjoint(names):
        raise UnreadableError("a key of the form that some servers leave out or read as another")
    return names, listed


def _with_lists(value: Any) -> Any:
    """An object whose keys are 0, 1, 2 … in order is a list."""
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(each) for name, each in value.items()}
    if not any(name[:1].isdigit() or name[1:2].isdigit() for name in inner):
        return inner
    if list(inner) != [str(number) for number in range(len(inner))] or len(inner) > _LONGEST_LIST:
        if any(name.strip().lstrip("+-").isdigit() for name in inner):
            raise UnreadableError("a list of the form with holes, out of order, or too long")
        return inner
    return list(inner.values())


def _twice() -> UnreadableError:
    return UnreadableError("a key of the form is given twice, or as a value and a list")
