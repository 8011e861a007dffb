"""A WebSocket echo on the ``websockets`` library; ``stream N`` is answered by N messages, ``bytes`` by their number."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Any

from journal import Journal
from websockets.sync.server import ServerConnection, serve


def start(context: ssl.SSLContext, journal: Journal) -> int:
    def noted(connection: ServerConnection, request: Any) -> None:
        peer = connection.socket.getpeername()[1]
        journal.note("WEBSOCKET", request.path, peer, request.headers.raw_items())

    def talk(connection: ServerConnection) -> None:
        for message in connection:
            if isinstance(message, bytes):
                connection.send(str(len(message)))
            elif message.startswith("stream "):
                for number in range(int(message.split()[1])):
                    connection.send(str(number))
                    time.sleep(0.05)
            else:
                connection.send(message)

    server = serve(talk, "127.0.0.1", 0, ssl=context, process_request=noted, max_size=None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port: int = server.socket.getsockname()[1]
    return port
