"""Protocol Buffers on the wire, for what a descriptor describes, where every parser reads the same.

Parsers keep the last of several equal fields, merge messages that come twice, drop the first of two members of a oneof and
pass over what they don't know; on every level that is read, all of that is refused. What lies in messages that nothing points
into isn't read. Cites: protobuf.dev, Encoding; descriptor.proto. Must not know: HTTP, gRPC, operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exeat.services.readers.reading import UnreadableError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
STRING, MESSAGE = 9, 11
_WIRE: Final = {1: FIXED64, 2: FIXED32, 3: VARINT, 4: VARINT, 5: VARINT, 6: FIXED64, 7: FIXED32, 8: VARINT, 9: LENGTH, 11: LENGTH, 12: LENGTH,
                13: VARINT, 14: VARINT, 15: FIXED32, 16: FIXED64, 17: VARINT, 18: VARINT}  # fmt: skip
"""The wire type of each field type (FieldDescriptorProto.Type); a group (10) has none here."""
_BITS: Final = {3: (64, True), 4: (64, False), 5: (32, True), 6: (64, False), 7: (32, False), 13: (32, False), 15: (32, True), 16: (64, True),
                17: (32, True), 18: (64, True)}  # fmt: skip
"""Integers: how many bits, and whether signed."""
_ZIGZAG: Final = frozenset({17, 18})
READABLE = frozenset({STRING, *_BITS})
"""Field types that can name a resource."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type as the descriptor numbers it, and the message it holds."""

    name: str
    type: int
    repeated: bool = False
    oneof: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message type, its fields by number."""

    fields: Mapping[int, Field]
    names: Mapping[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {each.name: each for each in self.fields.values()})


Wanted = Mapping[str, Any]
"""What is to be read of a message: names of fields, each with what is wanted of the message it holds (None for a value)."""


def records(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield (field number, wire type, integer or bytes) of one message; raise UnreadableError."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 2**29:
            raise _unread()
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        length = {FIXED64: 8, FIXED32: 4}.get(wire)
        if wire == LENGTH:
            length, at = _varint(data, at)
        if length is None or at + length > len(data):
            raise _unread()
        yield number, wire, data[at : at + length]
        at += length


def read_message(types: Mapping[str, Message], name: str, data: bytes, wanted: Wanted) -> dict[str, Any]:
    """Return what is wanted of a message, fields that come several times as lists; raise UnreadableError."""
    message = types[name]
    found: dict[str, Any] = {}
    seen: set[int] = set()
    oneofs: set[int] = set()
    for number, wire, value in records(data):
        known = message.fields.get(number)
        if known is None:
            raise UnreadableError("the message has a field that its description doesn't know")
        packed = known.repeated and wire == LENGTH and _WIRE.get(known.type) != LENGTH
        if known.type not in _WIRE or (wire != _WIRE[known.type] and not packed):
            raise UnreadableError("a field of the message is of another type than its description says")
        if known.oneof is not None and (known.oneof in oneofs):
            raise UnreadableError("the message has two fields of which one may be there")
        if not known.repeated and number in seen:
            raise UnreadableError("a field of the message comes twice")
        seen.add(number)
        if known.oneof is not None:
            oneofs.add(known.oneof)
        if known.name not in wanted:
            continue
        if packed:
            raise UnreadableError("numbers of the message are packed")
        inner = wanted[known.name]
        read = _value(known, value) if inner is None else read_message(types, known.message, value, inner)
        if known.repeated:
            found.setdefault(known.name, []).append(read)
        else:
            found[known.name] = read
    return found


def _value(known: Field, raw: Any) -> str | int:
    if known.type == STRING:
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise UnreadableError("a text of the message is not in UTF-8") from None
    bits, signed = _BITS[known.type]
    value = int.from_bytes(raw, "little") if isinstance(raw, bytes) else int(raw)
    if known.type in _ZIGZAG:
        value = (value >> 1) ^ -(value & 1)
    elif signed:
        wide = 8 * len(raw) if isinstance(raw, bytes) else 64
        value -= (value >> (wide - 1)) << wide
    if not (-(2 ** (bits - 1)) <= value < 2 ** (bits - 1) if signed else 0 <= value < 2**bits):
        raise UnreadableError("a number of the message is larger than its description says")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """One number of at most 64 bits, in as few bytes as it can be written."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            if value >= 2**64 or (byte == 0 and shift):
                break
            return value, at
        shift += 7
    raise _unread()


def _unread() -> UnreadableError:
    return UnreadableError("the message is not Protocol Buffers in their one shortest form")
