"""A request straight to the SaaS, beside the proxy.

Must not know: the proxy.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path


def ask_directly(port: int, ca_file: Path, host: str, path: str, bearer: str) -> int:
    """Return the status of one GET to 127.0.0.1 under the name ``host``; raise OSError when TLS or TCP fails."""
    context = ssl.create_default_context(cafile=str(ca_file))
    connection = http.client.HTTPSConnection(host, port, context=context)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname=host)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {bearer}"})
        return connection.getresponse().status
    finally:
        connection.close()
