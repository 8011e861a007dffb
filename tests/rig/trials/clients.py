"""The agents of the trials: each kind of traffic, in a thread, trying on whatever happens until it is told to stop.

A client notes which of its connections saw their end, and whether anything it began after the mission's end was still
answered by the origin. Must not know: missions, the origin's count.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

from rig.wire import basic

_PIECE = b"x" * 16000
_CHUNK = b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE)
_PATIENCE = 5.0


@dataclass(frozen=True)
class Door:
    """The way to one place: proxies that lead there, the host, and what shows who asks."""

    ports: Sequence[int]
    host: str
    password: str
    ca_file: str


class Client(threading.Thread):
    """One agent. ``flowing`` is set once traffic goes through; ``mark`` is called when its mission is being ended."""

    alpn = "http/1.1"
    pause = 0.002
    """Seconds between two tries that failed."""

    def __init__(self, door: Door) -> None:
        super().__init__(daemon=True, name=f"{type(self).__name__} at {door.host}")
        self.door = door
        self.flowing = threading.Event()
        self.over = threading.Event()
        self.returned = float("inf")
        self.answered_late = 0
        """Answers of the origin to what was begun after the call had returned."""
        self.began = 0.0
        self._standing: Any = None
        self._held: Any = None
        self.lost: float | None = None
        """When the connection that stood when the mission was ended saw its own end."""

    def mark(self) -> None:
        """From now on the connection that stands is to be ended."""
        self._held = self._standing

    @property
    def unended(self) -> bool:
        """Whether a connection of the mission was never ended."""
        return self._held is not None and self.lost is None

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with self._connected() as sock:
                    self._standing = sock
                    try:
                        self.act(sock)
                    finally:
                        self._standing = None
                        if self._held is sock and self.lost is None and not self.over.is_set():
                            self.lost = time.monotonic()
            except (OSError, EOFError, h2.exceptions.ProtocolError, ValueError):
                pass
            self.over.wait(self.pause)

    def act(self, sock: ssl.SSLSocket) -> None:
        """Use a connection until it ends."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop, having waited for the end of a connection that should have been ended."""
        deadline = time.monotonic() + _PATIENCE
        while self.unended and time.monotonic() < deadline:
            time.sleep(0.01)
        self.over.set()
        if (standing := self._standing) is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(standing, socket.SHUT_RDWR)
        self.join(_PATIENCE)

    def begin(self) -> None:
        """Something is asked now."""
        self.began = time.monotonic()

    def served(self) -> None:
        """The origin has answered what was begun last."""
        if self.began > self.returned:
            self.answered_late += 1
        self.flowing.set()

    def _connected(self) -> ssl.SSLSocket:
        """A tunnel with TLS finished."""
        plain = socket.create_connection(("127.0.0.1", random.choice(self.door.ports)), _PATIENCE)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            target = f"{self.door.host}:443"
            proof = basic(self.door.password)
            plain.sendall(
                f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: {proof}\r\n\r\n".encode()
            )
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += _some(plain)
            if b" 200 " not in answer.split(b"\r\n", 1)[0]:
                raise ConnectionError("no tunnel")
            return _context(self.door.ca_file, self.alpn).wrap_socket(plain, server_hostname=self.door.host)
        except BaseException:
            plain.close()
            raise

    def request(self, sock: ssl.SSLSocket, path: str, method: str = "GET", *fields: str) -> None:
        """Send a request's head."""
        lines = "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {self.door.host}", *fields))
        sock.sendall(f"{lines}\r\n\r\n".encode())

    def head(self, sock: ssl.SSLSocket) -> tuple[int, bytes]:
        """An answer's status, and all of it so far."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += _some(sock)
        return int(data.split(b" ", 2)[1]), data


class KeepAlive(Client):
    """One request after the other on a connection that is kept."""

    def act(self, sock: ssl.SSLSocket) -> None:
        while not self.over.is_set():
            self.begin()
            self.request(sock, "/v1/items")
            status, data = self.head(sock)
            head, _, body = data.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0
            )
            while len(body) < length:
                body += _some(sock)
            if status != 200:
                raise ConnectionError("refused")
            self.served()


class Tunnel(KeepAlive):
    """A tunnel that stands idle, and is used only after its mission has ended."""

    def act(self, sock: ssl.SSLSocket) -> None:
        self.flowing.set()
        while time.monotonic() < self.returned and not self.over.is_set():
            time.sleep(0.001)
        super().act(sock)


class Sse(Client):
    """A stream of events that only comes down."""

    def act(self, sock: ssl.SSLSocket) -> None:
        self.begin()
        self.request(sock, "/sse", "GET", "Accept: text/event-stream")
        status, _ = self.head(sock)
        if status != 200:
            raise ConnectionError("refused")
        while not self.over.is_set():
            _some(sock)
            self.served()


class Upload(Client):
    """A body without end, as fast as it is taken."""

    def act(self, sock: ssl.SSLSocket) -> None:
        self.begin()
        self.request(sock, "/upload", "POST", "Transfer-Encoding: chunked")
        sent = 0
        while not self.over.is_set():
            sock.sendall(_CHUNK)
            sent += len(_CHUNK)
            if _answered(sock):
                raise ConnectionError("refused")
            time.sleep(0.001)  # 16 MB/s are enough, and leave the processor to others
            if sent > 500_000:  # more than the buffers on the way take: the origin reads
                self.flowing.set()


class Chatter(Client):
    """WebSocket messages to and fro."""

    def act(self, sock: ssl.SSLSocket) -> None:
        end = WSConnection(ConnectionType.CLIENT)
        self.begin()
        sock.sendall(end.send(Request(host=self.door.host, target="/ws")))
        opened = False
        while not self.over.is_set():
            end.receive_data(_some(sock))
            for event in end.events():
                opened = opened or isinstance(event, AcceptConnection)
                if isinstance(event, TextMessage):
                    self.served()
            if not opened:
                raise ConnectionError("refused")
            self.begin()
            sock.sendall(end.send(TextMessage("hello")))


class Streams(Client):
    """Several HTTP/2 streams on one connection: small requests, and bodies without end."""

    alpn = "h2"

    def act(self, sock: ssl.SSLSocket) -> None:
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        conn.initiate_connection()
        uploads = [self._open(conn, "POST", "/upload", end=False) for _ in range(2)]
        asked = {self._open(conn, "GET", "/v1/items"): time.monotonic() for _ in range(3)}
        while not self.over.is_set():
            for number in list(uploads):
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    room = min(conn.local_flow_control_window(number), conn.max_outbound_frame_size, len(_PIECE))
                    if room > 0:
                        conn.send_data(number, _PIECE[:room])
            sock.sendall(conn.data_to_send())
            for event in conn.receive_data(_some(sock)):
                if isinstance(event, h2.events.ConnectionTerminated):
                    raise ConnectionError("ended")
                number = getattr(event, "stream_id", 0)
                if isinstance(event, h2.events.ResponseReceived) and dict(event.headers)[":status"] != "200":
                    raise ConnectionError("refused")
                if isinstance(event, h2.events.StreamReset) and number in (*uploads, *asked):
                    raise ConnectionError("reset")
                if isinstance(event, h2.events.StreamEnded) and number in asked:
                    self.began = asked.pop(number)
                    self.served()
                    asked[self._open(conn, "GET", "/v1/items")] = time.monotonic()

    def _open(self, conn: Any, method: str, path: str, *, end: bool = True) -> int:
        number: int = conn.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", self.door.host), (":path", path)]
        conn.send_headers(number, fields, end_stream=end)
        return number


def _answered(sock: ssl.SSLSocket) -> bool:
    """Whether an answer has come before the body has ended: it is no good one."""
    before = sock.gettimeout()
    sock.settimeout(0.0)
    try:
        return bool(_some(sock))
    except ssl.SSLWantReadError:
        return False  # nothing, or what belongs to TLS alone
    finally:
        sock.settimeout(before)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise EOFError
    return data


_contexts: dict[tuple[str, str], ssl.SSLContext] = {}


def _context(ca_file: str, alpn: str) -> ssl.SSLContext:
    """TLS that trusts only our authority; made once, for a client makes many connections."""
    found = _contexts.get((ca_file, alpn))
    if found is None:
        found = _contexts[ca_file, alpn] = ssl.create_default_context(cafile=ca_file)
        found.set_alpn_protocols([alpn])
    return found
