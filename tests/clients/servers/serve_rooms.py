"""``acme.v1.Rooms`` on grpcio with TLS and reflection: ``serve_rooms.py PORT PEM DESCRIPTORS LOG``.

``Enter`` answers with the room entered, ``Watch`` with that room three times; every call is a line of the log.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection
from journal import Journal

NAME = "acme.v1.Rooms"


class Rooms:
    """The rooms; whoever reaches them gets in."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def enter(self, request: Any, context: Any) -> Any:
        self._note("Enter", context)
        return request.room

    def watch(self, request: Any, context: Any) -> Iterator[Any]:
        self._note("Watch", context)
        for _ in range(3):
            yield request.room

    def _note(self, method: str, context: Any) -> None:
        headers = [(key, value) for key, value in context.invocation_metadata() if isinstance(value, str)]
        self._journal.note("POST", f"/{NAME}/{method}", context.peer(), headers)


def main(port: str, pem: str, descriptors: str, log: str) -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(Path(descriptors).read_bytes()).file:
        pool.Add(file)
    service, rooms, chain = pool.FindServiceByName(NAME), Rooms(Journal(log)), Path(pem).read_bytes()
    making = {
        "Enter": (grpc.unary_unary_rpc_method_handler, rooms.enter),
        "Watch": (grpc.unary_stream_rpc_method_handler, rooms.watch),
    }
    handlers = {}
    for name, (make, behaviour) in making.items():
        request = message_factory.GetMessageClass(service.methods_by_name[name].input_type)
        answer = message_factory.GetMessageClass(service.methods_by_name[name].output_type)
        handlers[name] = make(behaviour, request.FromString, answer.SerializeToString)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    reflection.enable_server_reflection((NAME, reflection.SERVICE_NAME), server, pool=pool)
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(chain, chain)]))
    server.start()
    server.wait_for_termination()


main(*sys.argv[1:])
