"""gRPC: a field that names a resource is what protobuf's own reader finds there, however the message is written.

A seed is a body: the prefix of five bytes and the message. Where the prefix doesn't fit, the whole is taken for a message too.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from exeat.model.request import CanonicalRequest
from exeat.services.readers.descriptors import read_descriptors
from exeat.services.readers.grpc import grpc_reader
from exeat.services.readers.pointers import parse_pointer
from exeat.services.readers.reading import UnreadableError

_KINDS = (3, 4, 5, 6, 7, 13, 15, 16, 17, 18, 9)
"""Every type that can be read: ten of integers, and text."""


def _described() -> descriptor_pb2.FileDescriptorSet:
    """``M`` holds ``N``, which holds ``L``; each has a field and a list of each type, a oneof, and what nobody can point to."""
    every = descriptor_pb2.FileDescriptorSet()
    file = every.file.add(name="m.proto", package="t", syntax="proto3")
    for name, held in (("M", ".t.N"), ("N", ".t.L"), ("L", "")):
        _add_message(file.message_type.add(name=name), held)
    service = file.service.add(name="S")
    service.method.add(name="Do", input_type=".t.M", output_type=".t.M")
    return every


def _add_message(message: descriptor_pb2.DescriptorProto, held: str) -> None:
    def field(name: str, number: int, kind: Any, label: Any = 1, **more: Any) -> None:
        message.field.add(name=name, number=number, type=kind, label=label, **more)

    message.oneof_decl.add(name="one")
    for kind in _KINDS:
        field(f"f{kind}", kind, kind)
        field(f"r{kind}", 100 + kind, kind, 3)
    field("a", 8, 9, oneof_index=0)
    field("b", 10, 5, oneof_index=0)
    field("photo", 12, 12)
    field("flag", 14, 8)
    if held:
        field("inner", 1, 11, type_name=held)
        field("inners", 2, 11, 3, type_name=held)
        field("c", 11, 11, oneof_index=0, type_name=held)


_SET = _described()
_DESCRIPTORS = read_descriptors(_SET.SerializeToString())
_pool = descriptor_pool.DescriptorPool()
_pool.Add(_SET.file[0])
_M: Any = message_factory.GetMessageClass(_pool.FindMessageTypeByName("t.M"))
_LEAVES = (*(f"f{kind}" for kind in _KINDS), *(f"r{kind}/*" for kind in _KINDS), "a", "b")
_HELD = ("inner/", "inners/*/", "c/")
_POINTERS = [
    parse_pointer(f"/{way}{leaf}") for way in ("", *_HELD, *map("".join, product(_HELD, _HELD))) for leaf in _LEAVES
]
"""To everything that can be read: what isn't read may be junk."""
_READ = grpc_reader(_DESCRIPTORS, "/t.S/Do", _POINTERS)
_WANTED = _DESCRIPTORS.wanted("/t.S/Do", _POINTERS)
_REQUEST = CanonicalRequest(
    "POST", "https", "h.test", 443, "/t.S/Do", "", ((b"content-type", b"application/grpc"),), "HTTP/2.0", has_body=True
)
_LONG = b"\xff" * 9 + b"\x01"

TOKENS = (
    *(bytes([kind << 3 | wire]) for kind in (1, 2, *_KINDS, 8, 10, 11, 12, 14) for wire in (0, 1, 2, 5)), b"\x00", b"\x01", b"\x7f", b"\x80", b"\x80\x00", b"\x80\x01",
    *((100 + kind << 3 | wire).to_bytes(2, "little") for kind in _KINDS for wire in (0, 2)), *(bytes([100 + kind << 3 & 0x7F | 0x80 | wire, 100 + kind >> 4]) for kind in _KINDS for wire in (0, 1, 2, 5)),
    _LONG, b"\xff" * 9 + b"\x7f", b"\xff" * 4 + b"\x0f", b"\x80\x80\x80\x80\x10", b"\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01", b"\xff" * 8, b"\x0b\x0c", b"\x0a\x00", b"\x0a\x02", b"\x12\x02",
    b"\x4a\x01a", b"\x4a\x02\xc3\xa9", b"\x4a\x01\xff", b"\x4a\x03\xed\xa0\x80", b"\x42\x00", b"\x50\x00", b"\x5a\x00", b"\x62\x01\xff", b"\x70\x01", b"\xfa\xff\xff\xff\x0f\x00", b"\x00\x00\x00\x00",
)  # fmt: skip


def check(data: bytes) -> None:
    _check_body(data)
    _check_body(b"\0" + len(data).to_bytes(4, "big") + data)


def _check_body(body: bytes) -> None:
    try:
        (asked,) = _READ(_REQUEST, body)
    except UnreadableError as error:
        assert error.detail.isprintable()
        return
    assert body[:1] == b"\0", "a compressed message is read"
    assert int.from_bytes(body[1:5], "big") == len(body[5:]), "something beside the message is left over"
    try:
        theirs = _M.FromString(body[5:])
    except DecodeError:
        raise AssertionError("protobuf refuses what Exeat reads") from None
    _compare(asked.arguments, theirs, _WANTED)


def _compare(ours: Any, theirs: Any, wanted: Any) -> None:
    """Every field that is pointed to, whether it is there or not."""
    assert set(ours) <= set(wanted)
    for name, inner in wanted.items():
        value = getattr(theirs, name)
        if not theirs.DESCRIPTOR.fields_by_name[name].is_repeated:
            _compare_one(name, ours, theirs, inner)
        elif inner is None:
            assert ours.get(name, []) == list(value), name
        else:
            found = ours.get(name, [])
            assert len(found) == len(value), name
            for mine, other in zip(found, value, strict=True):
                _compare(mine, other, inner)


def _compare_one(name: str, ours: Any, theirs: Any, inner: Any) -> None:
    value = getattr(theirs, name)
    if inner is not None:
        assert theirs.HasField(name) is (name in ours), name
        _compare(ours.get(name, {}), value, inner)
    elif name in ours:
        assert type(ours[name]) is type(value), name
        assert ours[name] == value, name
    else:  # a default may be written or left out, but nothing else may be there
        assert value == type(value)(), name
