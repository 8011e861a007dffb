"""A gRPC echo on grpcio with TLS: ``test.Echo/Say`` (unary), ``/Stream`` (five answers), ``/Wipe``; bytes in, bytes out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection
from journal import Journal


class _Noted(grpc.ServerInterceptor):  # type: ignore[misc]
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        headers = [(key, value if isinstance(value, str) else "") for key, value in details.invocation_metadata]
        if details.method.startswith("/test."):
            self._journal.note("POST", details.method, "", headers)
        return continuation(details)


def _say(request: bytes, context: Any) -> bytes:
    return context.peer().encode() if request == b"peer" else (b"%d" % len(request) if len(request) > 99 else request)


def _stream(request: bytes, context: Any) -> Iterator[bytes]:
    for _ in range(5):
        yield request
        time.sleep(0.06)


def start(pem: bytes, journal: Journal) -> int:
    server = grpc.server(
        futures.ThreadPoolExecutor(8), interceptors=[_Noted(journal)], options=[("grpc.max_receive_message_length", -1)]
    )
    unary = grpc.unary_unary_rpc_method_handler(_say)
    handlers = {"Say": unary, "Wipe": unary, "Stream": grpc.unary_stream_rpc_method_handler(_stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    reflection.enable_server_reflection(("test.Echo", reflection.SERVICE_NAME), server)
    port: int = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
    server.start()
    _RUNNING.append(server)
    return port


_RUNNING: list[Any] = []
