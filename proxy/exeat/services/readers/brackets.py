"""Forms with nested keys, as Stripe, Rails, PHP and qs write them: ``metadata[a]``, ``items[0][price]``, ``tags[]``.

    key = name *( "[" part "]" ) [ "[]" ]

Readers differ in what they do with anything else: a list with a hole, a number in two spellings, a list of objects without
numbers, depth, a key that is both a value and an object. All of that is refused. Must not know: what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from exeat.services.query import plain_key
from exeat.services.readers.reading import UnreadableError

_KEY = re.compile(r"(?P<name>[^\[\]]+)(?P<parts>(?:\[[^\[\]]+\])*)(?P<list>\[\])?")
_PART = re.compile(r"\[([^\[\]]+)\]")
_DEEPEST = 5
"""Brackets in one key: qs, the shallowest of the known readers, keeps what is deeper as text (its option ``depth``)."""
_LONGEST_LIST = 20
"""Numbers in one list: beyond it qs makes an object of it (its option ``arrayLimit``)."""


def read_nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the values by their nested keys, lists as lists; raise UnreadableError unless every reader sees the same."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        parts = _KEY.fullmatch(key)
        if parts is None:
            raise UnreadableError("a key of the form with brackets that have no one reading")
        names = [parts["name"], *_PART.findall(parts["parts"])]
        if len(names) - 1 > _DEEPEST:
            raise UnreadableError("a key of the form is nested too deeply")
        at = found
        for name in names[:-1]:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                raise _twice()
        if parts["list"]:
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
