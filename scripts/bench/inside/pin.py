"""For mitmproxy: names that only exist here lead to the origin. Usage: PIN=plain-port,tls-port."""

from __future__ import annotations

import os
from typing import Any

PLAIN, TLS = (int(port) for port in os.environ["PIN"].split(","))


class Pin:
    """Once a connection; nothing a request."""

    def __init__(self) -> None:
        self.wanted: dict[str, Any] = {}

    def server_connect(self, data: Any) -> None:
        self.wanted[data.server.id] = data.server.address
        data.server.address = ("127.0.0.1", PLAIN if data.server.address[1] == 80 else TLS)

    def server_connected(self, data: Any) -> None:
        data.server.__dict__["address"] = self.wanted.pop(data.server.id)


addons = [Pin()]
