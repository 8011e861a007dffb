"""An agent that speaks WebSocket inside a tunnel."""

from __future__ import annotations

from typing import Any, Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import Request
from wsproto.extensions import PerMessageDeflate

from rig.proxy import Exeat
from rig.wire import tunnel


class Agent:
    """A WebSocket client inside a tunnel."""

    def __init__(
        self, exeat: Exeat, mission: dict[str, Any], path: str = "/chat/1", *fields: Any, host: str = "api.example.test"
    ) -> None:
        self.wire = tunnel(exeat, mission, host)
        self.end = WSConnection(ConnectionType.CLIENT)
        self.pending: list[Any] = []
        offered = Request(host=host, target=path, extra_headers=list(fields), extensions=[PerMessageDeflate()])
        self.wire.sock.sendall(self.end.send(offered))
        self.answer = self.next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def send(self, event: Any) -> None:
        self.wire.sock.sendall(self.end.send(event))

    def next(self) -> Any:
        while not self.pending:
            data = self.wire.sock.recv(65536)
            self.end.receive_data(data or None)
            self.pending.extend(self.end.events())
            if not data and not self.pending:
                return None
        return self.pending.pop(0)
