"""A real WebSocket server over TLS: echoes messages, answers ``push N`` with N messages, remembers what it got."""

from __future__ import annotations

import ssl

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage

from rig.certs import Authority
from rig.threaded_origin import ThreadedOrigin


class WebsocketOrigin(ThreadedOrigin):
    """Remembers handshakes, messages, and how each connection was closed."""

    def __init__(self, authority: Authority, *names: str) -> None:
        super().__init__(authority, *names)
        self.handshakes: list[Request] = []
        self.messages: list[str | bytes] = []
        self.closed: list[int | None] = []

    def broke_off(self) -> None:
        self.closed.append(None)

    def talk(self, sock: ssl.SSLSocket) -> None:
        end = WSConnection(ConnectionType.SERVER)
        while data := sock.recv(65536):
            end.receive_data(data)
            for event in end.events():
                if isinstance(event, Request):
                    self.handshakes.append(event)
                    sock.sendall(end.send(AcceptConnection(extensions=[])))
                elif isinstance(event, TextMessage | BytesMessage):
                    self.messages.append(event.data if isinstance(event.data, str) else bytes(event.data))
                    if isinstance(event.data, str) and event.data.startswith("push "):
                        for number in range(int(event.data[5:])):
                            sock.sendall(end.send(TextMessage(f"message {number}")))
                    elif event.data == "token?":
                        sent = dict(self.handshakes[-1].extra_headers)[b"authorization"].decode()
                        sock.sendall(end.send(TextMessage(sent[:20], message_finished=False)))
                        sock.sendall(end.send(TextMessage(sent[20:])))
                    elif event.data in ("token bytes?", "token ping?", "token close?"):
                        self._leak(sock, end, event.data)
                        if event.data == "token close?":
                            return
                    else:
                        sock.sendall(end.send(type(event)(event.data, event.frame_finished, event.message_finished)))
                elif isinstance(event, Ping):
                    sock.sendall(end.send(Pong(event.payload)))
                elif isinstance(event, CloseConnection):
                    self.closed.append(event.code)
                    sock.sendall(end.send(event.response()))
                    return
        self.closed.append(None)

    def _leak(self, sock: ssl.SSLSocket, end: WSConnection, how: str) -> None:
        """Hand back the token, or the part of it that fits into a control frame: a JWT's signature."""
        token = dict(self.handshakes[-1].extra_headers)[b"authorization"].partition(b" ")[2]
        signature = token.rpartition(b".")[2]
        if how == "token bytes?":
            for at in range(0, len(token), 50):
                sock.sendall(end.send(BytesMessage(token[at : at + 50], message_finished=at + 50 >= len(token))))
        elif how == "token ping?":
            sock.sendall(end.send(Ping(signature)))
        else:
            sock.sendall(end.send(CloseConnection(4000, signature.decode())))
