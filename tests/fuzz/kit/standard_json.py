"""JSON as the strictest use of the standard library reads it."""

from __future__ import annotations

import json


class TwiceError(Exception):
    """A key comes twice."""


def _once(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise TwiceError
    return dict(pairs)


def _constant(_):
    raise ValueError


def by_the_standard_library(text):
    """What it reads, or the exception that says why not."""
    try:
        # The other of two parsers under comparison.
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)  # noqa: TID251
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # lone surrogates
    except (ValueError, TwiceError, RecursionError) as error:
        return error
    return value


def same(ours, theirs):
    """Equal in type and value; integers that orjson keeps as a double compare as one."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and type(theirs) is int:
        return ours == float(theirs) and abs(theirs) > 2**63
    return type(ours) is type(theirs) and ours == theirs
