"""JSON Pointers (RFC 6901) into what is asked: the value that names a resource.

Must not know: formats, resources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exeat.model.reason import Reason
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import twins

LONGEST = 1024
"""Characters of a captured value."""
_POINTER = re.compile(r"(?:/(?:[^/~]|~[01])*)+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_EXACT = 2**53 - 1  # what every parser holds exactly (RFC 8259 §6)

Pointer = tuple[str, ...]


def parse_pointer(text: str) -> Pointer:
    """Read a pointer; raise ValueError that says what to write instead."""
    if not _POINTER.fullmatch(text):
        raise ValueError(f"'{text}' is no JSON Pointer; write '/model' or '/input/repositoryId'")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def capture(pointers: Mapping[str, Pointer], arguments: object) -> dict[str, str]:
    """Return the captured values as text; raise UnreadableError when one is missing or could be read in two ways."""
    return {name: _text(_find(pointer, arguments)) for name, pointer in pointers.items()}


def _find(pointer: Pointer, value: object) -> object:
    for part in pointer:
        if isinstance(value, dict) and part in value:
            if twins(value, part):
                raise UnreadableError("an object has keys that some parsers take for the same")
            value = value[part]
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise UnreadableError("the body doesn't name the resource", Reason.OPERATION_UNKNOWN)
    return value


def _text(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= LONGEST:
        return value
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return str(value)
    raise UnreadableError(
        "the body names the resource by something else than a text or a plain integer", Reason.OPERATION_UNKNOWN
    )
