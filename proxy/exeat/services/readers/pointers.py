"""JSON Pointers (RFC 6901) into what is asked: the value that names a resource, or with ``*`` each of several.

A part ``*`` stands for every value of a list or object, ``*key`` for every key of an object: ``/InstanceIds/*``,
``/RequestItems/*key``. What is asked is then asked of each.

Must not know: formats, resources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from exeat.model.reason import Reason
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import twins

LONGEST = 1024
"""Characters of a captured value."""
_POINTER = re.compile(r"(?:/(?:[^/~]|~[01])*)+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_EXACT = 2**53 - 1  # what every parser holds exactly (RFC 8259 §6)

EACH, EACH_KEY = "*", "*key"

Pointer = tuple[str, ...]


def parse_pointer(text: str) -> Pointer:
    """Read a pointer; raise ValueError that says what to write instead."""
    if not _POINTER.fullmatch(text):
        raise ValueError(f"'{text}' is no JSON Pointer; write '/model' or '/input/repositoryId'")
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    if EACH_KEY in parts[:-1]:
        raise ValueError(f"'{text}': '{EACH_KEY}' stands for the keys themselves, so nothing follows it")
    return parts


def is_each(pointer: Pointer) -> bool:
    """Whether a pointer stands for several values."""
    return EACH in pointer or EACH_KEY in pointer


def stands(pointer: Pointer, value: object) -> bool:
    """Whether something stands where a pointer points, under any spelling that some parser takes for the same; null is something."""
    for part in pointer:
        if not isinstance(value, dict):
            return False
        if twins(value, part):
            return True
        if part not in value:
            return False
        value = value[part]
    return True


def capture(pointers: Mapping[str, Pointer], arguments: object) -> list[dict[str, str]]:
    """Return the captured values as text, once for each value of the one pointer that stands for several.

    Raise UnreadableError when one is missing or could be read in two ways.
    """
    found = {name: list(_find(pointer, arguments)) for name, pointer in pointers.items()}
    several = [name for name, pointer in pointers.items() if is_each(pointer)]
    fixed = {name: _text(values[0]) for name, values in found.items() if name not in several}
    if not several:
        return [fixed]
    (name,) = several
    if not found[name]:
        raise _unnamed()
    return [fixed | {name: each} for each in dict.fromkeys(_text(value) for value in found[name])]


def _find(pointer: Pointer, value: object) -> Iterator[object]:
    for at, part in enumerate(pointer):
        if isinstance(value, dict) and part in value and part not in (EACH, EACH_KEY):
            if twins(value, part):
                raise UnreadableError("an object has keys that some parsers take for the same")
            value = value[part]
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        elif part == EACH and isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from _find(pointer[at + 1 :], each)
            return
        elif part == EACH_KEY and isinstance(value, dict) and at == len(pointer) - 1:
            yield from value
            return
        else:
            raise _unnamed()
    yield value


def _unnamed() -> UnreadableError:
    return UnreadableError("the body doesn't name the resource", Reason.OPERATION_UNKNOWN)


def _text(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= LONGEST:
        return value
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return str(value)
    raise UnreadableError(
        "the body names the resource by something else than a text or a plain integer", Reason.OPERATION_UNKNOWN
    )
