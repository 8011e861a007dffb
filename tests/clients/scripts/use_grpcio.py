"""grpcio, with its default roots from the environment and the key as a call's metadata."""

import os

import grpc
from cells import UPLOAD, Outcome, host, paced, run

HOST = host("grpc")
channel = grpc.secure_channel(
    f"{HOST}:443", grpc.ssl_channel_credentials(), options=[("grpc.max_send_message_length", -1)]
)
METADATA = (("authorization", f"Bearer {os.environ['GRPC_KEY']}"),)


def call(method: str, message: bytes) -> Outcome:
    return 200, channel.unary_unary(f"/test.Echo/{method}")(message, metadata=METADATA, timeout=10)


run(
    lambda: call("Say", b"hello"),
    refused=lambda: call("Wipe", b"all"),
    streaming=lambda: paced(channel.unary_stream("/test.Echo/Stream")(b"hello", metadata=METADATA, timeout=10)),
    large_upload=lambda: call("Say", UPLOAD.read_bytes()),
)
