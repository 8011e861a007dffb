"""The websockets library's client; a refused handshake is an exception that holds the answer."""

import os
import time

from cells import TIMES, UPLOAD, Outcome, host, pace, run
from websockets.exceptions import InvalidProxyStatus, InvalidStatus
from websockets.sync.client import ClientConnection, connect

HOST = host("ws")
HEADERS = {"Authorization": f"Bearer {os.environ['WS_KEY']}"}


def dial(path: str) -> ClientConnection:
    try:
        return connect(f"wss://{HOST}{path}", additional_headers=HEADERS, max_size=None)
    except (InvalidStatus, InvalidProxyStatus) as error:
        answer = error.response
        raise RuntimeError(f"{error} {answer.reason_phrase} {(answer.body or b'').decode()}") from None


def talk(*messages: str | bytes) -> Outcome:
    with dial("/chat") as connection:
        for message in messages:
            connection.send(message)
            answer = connection.recv(timeout=20)
        return 200, answer


def stream() -> Outcome:
    times = []
    with dial("/chat") as connection:
        connection.send("stream 5")
        for _ in range(5):
            connection.recv(timeout=10)
            times.append(time.monotonic())
    return 200, pace(times)


def forbidden() -> Outcome:
    with dial("/wipe"):
        return 200, "connected"


run(
    lambda: talk("hello"),
    refused=forbidden,
    streaming=stream,
    large_upload=lambda: talk(UPLOAD.read_bytes()),
    keep_alive=lambda: talk(*["again"] * TIMES),
)
