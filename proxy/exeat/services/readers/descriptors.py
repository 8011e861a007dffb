"""What a compiled FileDescriptorSet says about methods and messages, as ``protoc --descriptor_set_out --include_imports`` writes it.

Read at load, from a site's own file. Cites: google/protobuf/descriptor.proto. Must not know: requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exeat.services.readers.pointers import EACH, EACH_KEY, Pointer
from exeat.services.readers.protobuf import LENGTH, MESSAGE, READABLE, Field, Message, Wanted, records
from exeat.services.readers.reading import UnreadableError

_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Method:
    """One method: the full name of what it takes, and whether a client may send several of those."""

    takes: str
    streams: bool


@dataclass(frozen=True, slots=True)
class Descriptors:
    """All methods by path (``/acme.v1.Rooms/Enter``), all messages by full name."""

    methods: Mapping[str, Method]
    messages: Mapping[str, Message]

    def wanted(self, path: str, pointers: Sequence[Pointer]) -> Wanted:
        """Return what is to be read so that ``pointers`` can be followed; raise ValueError that says what can't."""
        method = self.methods.get(path)
        if method is None:
            raise ValueError(f"the descriptor has no method {path}")
        if method.streams:
            raise ValueError(f"a client of {path} sends several messages, and not all of them can be judged")
        tree: dict[str, Any] = {}
        for pointer in pointers:
            self._add(tree, method.takes, pointer)
        return tree

    def _add(self, tree: dict[str, Any], name: str, pointer: Pointer) -> None:
        shown = "/" + "/".join(pointer)
        left = list(pointer)
        while left:
            known = self.messages[name].names.get(left.pop(0)) if name in self.messages else None
            if known is None or (left[:1] == [EACH]) is not known.repeated or left[:1] == [EACH_KEY]:
                raise ValueError(f"{shown}: no such field; a part is a field's name, and '*' follows one that repeats")
            if known.repeated:
                left.pop(0)
            if bool(left) is not (known.type == MESSAGE) or (not left and known.type not in READABLE):
                raise ValueError(f"{shown}: not a text or an integer")
            if not left:
                tree.setdefault(known.name, None)
                return
            tree = tree.setdefault(known.name, {})
            name = known.message


def read_descriptors(data: bytes) -> Descriptors:
    """Read a FileDescriptorSet; raise ValueError for anything else."""
    methods: dict[str, Method] = {}
    messages: dict[str, Message] = {}
    try:
        for file in _all(data, 1):
            package = _text(file, 2)
            prefix = f"{package}." if package else ""
            for each in _all(file, 4):
                _read_message(each, prefix, messages)
            for service in _all(file, 6):
                for each in _all(service, 2):
                    path = f"/{prefix}{_text(service, 1)}/{_text(each, 1)}"
                    methods[path] = Method(_text(each, 2).removeprefix("."), bool(_number(each, 5)))
    except (UnreadableError, UnicodeDecodeError, TypeError):
        raise ValueError("not a compiled FileDescriptorSet; write one with protoc --descriptor_set_out") from None
    if not methods:
        raise ValueError("the descriptor has no service; write one with protoc --descriptor_set_out --include_imports")
    return Descriptors(methods, messages)


def _read_message(data: bytes, prefix: str, into: dict[str, Message]) -> None:
    name = prefix + _text(data, 1)
    fields = {}
    for each in _all(data, 2):
        oneof = _number(each, 9) if any(number == 9 for number, _, _ in records(each)) else None
        repeated = _number(each, 4) == _REPEATED
        fields[_number(each, 3)] = Field(
            _text(each, 1), _number(each, 5), repeated, oneof, _text(each, 6).removeprefix(".")
        )
    into[name] = Message(fields)
    for each in _all(data, 3):
        _read_message(each, f"{name}.", into)


def _all(data: bytes, wanted: int) -> list[bytes]:
    return [value for number, wire, value in records(data) if number == wanted and wire == LENGTH]


def _text(data: bytes, wanted: int) -> str:
    found = _all(data, wanted)
    return found[-1].decode() if found else ""


def _number(data: bytes, wanted: int) -> int:
    return next((int(value) for number, wire, value in records(data) if number == wanted and wire == 0), 0)
