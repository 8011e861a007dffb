"""A descriptor and messages for the tests of gRPC, as the reference implementation writes them."""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

F = descriptor_pb2.FieldDescriptorProto
ENTER = "/acme.v1.Rooms/Enter"


def _field(message, name, number, kind, *, type_name="", repeated=False, oneof=None):
    made = message.field.add(name=name, number=number, type=kind)
    if type_name:
        made.type_name = type_name
    made.label = F.LABEL_REPEATED if repeated else F.LABEL_OPTIONAL
    if oneof is not None:
        made.oneof_index = oneof


def _set():
    every = descriptor_pb2.FileDescriptorSet()
    file = every.file.add(name="rooms.proto", package="acme.v1", syntax="proto3")
    room = file.message_type.add(name="Room")
    _field(room, "name", 1, F.TYPE_STRING)
    _field(room, "number", 2, F.TYPE_SINT32)
    enter = file.message_type.add(name="EnterRequest")
    enter.oneof_decl.add(name="who")
    _field(enter, "room", 1, F.TYPE_MESSAGE, type_name=".acme.v1.Room")
    _field(enter, "tenant", 2, F.TYPE_STRING)
    _field(enter, "floor", 3, F.TYPE_INT32)
    _field(enter, "id", 4, F.TYPE_FIXED64)
    _field(enter, "rooms", 5, F.TYPE_MESSAGE, type_name=".acme.v1.Room", repeated=True)
    _field(enter, "person", 6, F.TYPE_STRING, oneof=0)
    _field(enter, "group", 7, F.TYPE_STRING, oneof=0)
    _field(enter, "tags", 8, F.TYPE_STRING, repeated=True)
    _field(enter, "counts", 9, F.TYPE_INT32, repeated=True)
    _field(enter, "photo", 10, F.TYPE_BYTES)
    _field(enter, "wide", 11, F.TYPE_UINT64)
    rooms = file.service.add(name="Rooms")
    rooms.method.add(name="Enter", input_type=".acme.v1.EnterRequest", output_type=".acme.v1.Room")
    rooms.method.add(
        name="Watch", input_type=".acme.v1.EnterRequest", output_type=".acme.v1.Room", server_streaming=True
    )
    rooms.method.add(
        name="Talk", input_type=".acme.v1.EnterRequest", output_type=".acme.v1.Room", client_streaming=True
    )
    return every


SET = _set()
BYTES = SET.SerializeToString()
_pool = descriptor_pool.DescriptorPool()
for _file in SET.file:
    _pool.Add(_file)
EnterRequest = message_factory.GetMessageClass(_pool.FindMessageTypeByName("acme.v1.EnterRequest"))
Room = message_factory.GetMessageClass(_pool.FindMessageTypeByName("acme.v1.Room"))


def framed(message, *, flag=0):
    return bytes([flag]) + len(message).to_bytes(4, "big") + message
