"""A gRPC echo on grpcio with TLS: ``test.Echo/Say`` (unary), ``/Stream`` (five answers), ``/Wipe``; bytes in, bytes out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection
from journal import Journal


class Echo:
    """Each call is written down with the connection it came on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def say(self, request: bytes, context: Any) -> bytes:
        self._note("Say", context)
        return b"%d" % len(request) if len(request) > 99 else request

    def wipe(self, request: bytes, context: Any) -> bytes:
        self._note("Wipe", context)
        return request

    def stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        self._note("Stream", context)
        for _ in range(5):
            yield request
            time.sleep(0.06)

    def _note(self, method: str, context: Any) -> None:
        headers = [(key, value) for key, value in context.invocation_metadata() if isinstance(value, str)]
        self._journal.note("POST", f"/test.Echo/{method}", context.peer(), headers)


def start(pem: bytes, journal: Journal) -> int:
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    echo = Echo(journal)
    handlers = {
        "Say": grpc.unary_unary_rpc_method_handler(echo.say),
        "Wipe": grpc.unary_unary_rpc_method_handler(echo.wipe),
        "Stream": grpc.unary_stream_rpc_method_handler(echo.stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    reflection.enable_server_reflection(("test.Echo", reflection.SERVICE_NAME), server)
    port: int = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
    server.start()
    _RUNNING.append(server)
    return port


_RUNNING: list[Any] = []
