"""gRPC: a field that names a resource is what the reference implementation reads there, or the call is refused."""

from __future__ import annotations

from base64 import b64encode

import pytest
from catalogue_kit import build, example
from readers_kit import posted

pytest.importorskip("google.protobuf", reason="protobuf is no dependency; its reference reader is the other of the two")
from google.protobuf.message import DecodeError
from grpc_kit import BYTES, ENTER, SET, EnterRequest, Room, framed
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import ConfigurationError
from exeat.services.readers.descriptors import read_descriptors
from exeat.services.readers.grpc import grpc_reader
from exeat.services.readers.pointers import capture, parse_pointer
from exeat.services.readers.protobuf import read_message
from exeat.services.readers.reading import UnreadableError

DESCRIPTORS = read_descriptors(BYTES)
GRPC = "application/grpc"
ROOM = Room(name="blue").SerializeToString()
INNER = bytes([0x0A, len(ROOM)]) + ROOM
EVERY = {
    "room": {"name": None, "number": None},
    "tenant": None,
    "floor": None,
    "id": None,
    "rooms": {"name": None},
    "person": None,
    "tags": None,
    "wide": None,
}


def asked(message, *pointers, kind=GRPC, query="", fields=()):
    parsed = [parse_pointer(each) for each in pointers]
    (found,) = grpc_reader(DESCRIPTORS, ENTER, parsed)(posted(kind, *fields, query=query), message)
    return capture(dict(zip("abc", parsed, strict=False)), found.arguments)


@pytest.mark.parametrize(("message", "pointer", "captured"), [
    (EnterRequest(room=Room(name="blue")), "/room/name", ["blue"]), (EnterRequest(tenant="é"), "/tenant", ["é"]), (EnterRequest(floor=-7), "/floor", ["-7"]),
    (EnterRequest(room=Room(number=-3)), "/room/number", ["-3"]), (EnterRequest(id=2**40), "/id", [str(2**40)]), (EnterRequest(tags=["x", "y"]), "/tags/*", ["x", "y"]),
    (EnterRequest(rooms=[Room(name="a"), Room(name="b")]), "/rooms/*/name", ["a", "b"]), (EnterRequest(person="p", tenant="t"), "/tenant", ["t"]),
    (EnterRequest(tenant="t", counts=[1, 2], photo=b"\xff", room=Room(name="x")), "/tenant", ["t"]),
])  # fmt: skip
def test_a_field_is_what_the_client_put_there(message, pointer, captured):
    assert [each["a"] for each in asked(framed(message.SerializeToString()), pointer)] == captured


def test_several_fields_are_read_at_once():
    message = EnterRequest(room=Room(name="blue"), tenant="t").SerializeToString()
    assert asked(framed(message), "/tenant", "/room/name", kind="application/grpc+proto") == [{"a": "t", "b": "blue"}]


TENANT = b"\x12\x01t"


@pytest.mark.parametrize("message", [
    TENANT + b"\x12\x01u", INNER + INNER + TENANT, INNER + TENANT + b"\x0a\x00", b"\x32\x01p\x3a\x01g" + TENANT,   # twice, merged, two of a oneof
    TENANT + b"\x7a\x01x", TENANT + b"\x10\x01", b"\x92\x00\x01t", b"\x12\x81\x00t", b"\x12\x02t", b"\x12\x01\xff", b"\x13\x14" + TENANT, b"\x02\x01t" + TENANT, b"\x12", b"\x80",
    TENANT + b"\x18" + b"\xff" * 10 + b"\x01", TENANT + b"\x18", b"",
], ids=lambda each: each.hex() or "empty")  # fmt: skip
def test_a_message_that_parsers_read_differently_is_refused(message):
    with pytest.raises(UnreadableError):
        asked(framed(message), "/tenant")


@pytest.mark.parametrize(("body", "changes"), [
    (framed(TENANT, flag=1), {}), (framed(TENANT) + framed(TENANT), {}), (framed(TENANT) + b"x", {}), (framed(TENANT)[:-1], {}), (b"", {}), (framed(TENANT, flag=2), {}), (TENANT, {}),
    (framed(TENANT), {"kind": "application/grpc+json"}), (framed(TENANT), {"kind": "application/grpc-web"}), (framed(TENANT), {"kind": "application/grpc-web-text"}),
    (framed(TENANT), {"kind": "application/proto"}), (framed(TENANT), {"kind": ""}), (framed(TENANT), {"query": "tenant=u"}),
    (framed(TENANT), {"fields": ((b"content-encoding", b"gzip"),)}), (framed(TENANT), {"fields": ((b"content-type", b"application/json"),)}),
])  # fmt: skip
def test_what_is_not_one_plain_message_is_refused(body, changes):
    with pytest.raises(UnreadableError):
        asked(body, "/tenant", **changes)


def test_a_number_that_a_parser_would_cut_is_refused():
    with pytest.raises(UnreadableError):
        asked(framed(b"\x18" + b"\x80\x80\x80\x80\x10"), "/floor")  # 2**32: the reference keeps its low 32 bits


@given(st.binary(max_size=24) | st.lists(st.sampled_from([INNER, TENANT, b"\x18\x05", b"\x21" + b"\x01" * 8, b"\x2a\x00", b"\x32\x01p", b"\x3a\x01g", b"\x42\x01x",
    b"\x4a\x02\x01\x02", b"\x48\x01", b"\x52\x00", b"\x58\x7f", b"\x0a\x02\x10\x01", b"\x12\x00", b"\x80", b"\x00"]), max_size=5).map(b"".join))  # fmt: skip
def test_what_is_read_is_what_the_reference_reads(message):
    """Differential: every field that is read, its absence too."""
    try:
        found = read_message(DESCRIPTORS.messages, "acme.v1.EnterRequest", message, EVERY)
    except UnreadableError:
        return
    try:
        theirs = EnterRequest.FromString(message)
    except DecodeError:
        raise AssertionError("read what the reference refuses") from None
    assert {name: found.get(name, "") for name in ("tenant", "person")} == {
        "tenant": theirs.tenant,
        "person": theirs.person,
    }
    assert {name: found.get(name, 0) for name in ("floor", "id", "wide")} == {
        "floor": theirs.floor,
        "id": theirs.id,
        "wide": theirs.wide,
    }
    assert found.get("tags", []) == list(theirs.tags)
    assert [each.get("name", "") for each in found.get("rooms", [])] == [each.name for each in theirs.rooms]
    inner = found.get("room", {})
    assert (inner.get("name", ""), inner.get("number", 0)) == (theirs.room.name, theirs.room.number)
    assert not theirs.HasField("group") or "person" not in found


@given(
    st.text(max_size=8),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**64 - 1),
    st.lists(st.text(max_size=4), max_size=3),
)
def test_whatever_the_reference_writes_is_read(tenant, floor, wide, tags):
    message = EnterRequest(
        tenant=tenant, floor=floor, wide=wide, tags=tags, room=Room(number=floor)
    ).SerializeToString()
    found = read_message(DESCRIPTORS.messages, "acme.v1.EnterRequest", message, EVERY)
    assert (found.get("tenant", ""), found.get("floor", 0), found.get("wide", 0), found.get("tags", [])) == (
        tenant,
        floor,
        wide,
        tags,
    )
    assert found["room"].get("number", 0) == floor


def table(match=f"POST {ENTER}", descriptor=BYTES, **captures):
    operation = {
        "match": match,
        "action": "enter",
        "group": "write",
        "reader": "grpc",
        "captures": captures or {"room": "/room/name"},
    }
    return example(operation=[operation], resource=[], descriptor_set=b64encode(descriptor).decode())


def test_the_descriptor_is_checked_at_load():
    assert build(table())
    for wrong in (
        table(descriptor=b""), table(descriptor=b"junk"), table(descriptor=BYTES[:-1]), table(match="POST /acme.v1.Rooms/Leave"), table(match="POST /acme.v1.Rooms/Talk"),
        table(a="/room"), table(a="/nothing"), table(a="/rooms/name"), table(a="/tenant/*"), table(a="/photo"), table(a="/room/name/x"), table(a="/tags/*key"),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError):
            build(wrong)


def test_the_descriptor_says_what_protobuf_says():
    (file,) = SET.file
    assert {f"/acme.v1.Rooms/{each.name}": each.client_streaming for each in file.service[0].method} == {
        path: method.streams for path, method in DESCRIPTORS.methods.items()
    }
    for message in file.message_type:
        ours = DESCRIPTORS.messages[f"acme.v1.{message.name}"]
        assert {(each.name, each.number, each.type) for each in message.field} == {
            (each.name, number, each.type) for number, each in ours.fields.items()
        }
