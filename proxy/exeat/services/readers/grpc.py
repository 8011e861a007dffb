"""gRPC: fields of the one message of a call; service and method are its path.

Only calls whose client sends one message are read, uncompressed; of what it receives any number may come. Cites: gRPC over
HTTP/2 (grpc.github.io, PROTOCOL-HTTP2), Length-Prefixed-Message. Must not know: operations, resources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exeat.model.request import CanonicalRequest
from exeat.services.readers.descriptors import Descriptors
from exeat.services.readers.media import check_type
from exeat.services.readers.pointers import Pointer
from exeat.services.readers.protobuf import read_message
from exeat.services.readers.reading import Asked, UnreadableError

_PREFIX = 5  # one byte that says whether the message is compressed, four for its length


def grpc_reader(
    descriptors: Descriptors, path: str, pointers: Sequence[Pointer]
) -> Callable[[CanonicalRequest, bytes], tuple[Asked, ...]]:
    """Return a reader of one method's message; raise ValueError when the descriptor doesn't have what is pointed to."""
    wanted = descriptors.wanted(path, pointers)
    name, types = descriptors.methods[path].takes, descriptors.messages

    def read(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
        check_type(request, "application/grpc", "application/grpc+proto")
        if request.query:
            raise UnreadableError("a gRPC call with a query")
        return (Asked("", read_message(types, name, one_message(body), wanted)),)

    return read


def one_message(body: bytes) -> bytes:
    """Return the only message of a body; raise UnreadableError for a compressed one, for several, and for none."""
    if len(body) < _PREFIX or body[0] not in (0, 1):
        raise UnreadableError("not a message of gRPC")
    if body[0]:
        raise UnreadableError("a compressed message is not read here")
    if int.from_bytes(body[1:_PREFIX], "big") != len(body) - _PREFIX:
        raise UnreadableError("not one message of gRPC and nothing else")
    return body[_PREFIX:]
