"""A raw HTTP/1.1 client: exactly the bytes a test wants, through a CONNECT tunnel or beside one."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import h11
import orjson

from rig.matrix import seen
from rig.proxy import Exeat

REFUSAL_MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "code",
    "hint",
    "decision_id",
    "retryable",
    "next_steps",
    "message",
    "error",
}


@dataclass(frozen=True)
class Response:
    """One response, or ``status == 0`` when the connection was closed instead; ``complete`` tells whether it ended well."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The refusal's code; empty when this is no refusal of ours."""
        if self.header("content-type") != "application/problem+json":
            return ""
        return str(self.json()["code"])

    @property
    def closed(self) -> bool:
        return self.status == 0


CLOSED = Response(0)


def refused(response: Response, *codes: str, status: int | None = None) -> dict[str, Any]:
    """Assert a refusal with one of these codes, in the shape every refusal has; return its body."""
    assert response.code in codes, (response.status, response.code, response.body[:400])
    seen(response.code)
    problem: dict[str, Any] = response.json()
    assert set(problem) >= REFUSAL_MEMBERS, REFUSAL_MEMBERS - set(problem)
    assert problem["status"] == response.status
    assert status is None or response.status == status, response.status
    return problem


def denied(response: Response) -> None:
    """Assert what the bypass matrix calls deny: our refusal, any 4xx or 5xx, or a closed connection."""
    assert response.closed or 400 <= response.status < 600, response
    seen("closed" if response.closed else response.code or str(response.status))


def basic(password: str) -> str:
    """The value of ``Proxy-Authorization`` for a pass."""
    return "Basic " + base64.b64encode(f"mission:{password}".encode()).decode()


def client_context(ca_file: str, *alpn: str) -> ssl.SSLContext:
    """TLS as a client that trusts only our authority."""
    context = ssl.create_default_context(cafile=ca_file)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Wire:
    """One socket to the proxy, plain or after a tunnel's TLS; to another listener by ``port``, from another address by ``source``."""

    _early = b""
    """What came after the last response."""

    def __init__(self, exeat: Exeat, timeout: float = 8, *, port: int = 0, source: str = "") -> None:
        self.exeat = exeat
        here = (source, 0) if source else None
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port or exeat.port), timeout, here)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def send(self, data: bytes | str) -> Self:
        """Send raw bytes; that the other side has closed meanwhile shows at the next read."""
        with suppress(OSError):
            self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def connect(self, target: str, password: str | None, *extra: str) -> Response:
        """CONNECT, with the pass as Basic unless it is None."""
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *extra]
        if password is not None:
            lines.append(f"Proxy-Authorization: {basic(password)}")
        return self.send("\r\n".join(lines) + "\r\n\r\n").response("CONNECT")

    def secure(self, ca_file: str, sni: str | None, *alpn: str, verify: bool = True) -> Self:
        """TLS inside the tunnel, with any server name or none."""
        context = client_context(ca_file, *(alpn or ("http/1.1",)))
        if not verify or sni is None:
            context.check_hostname = False
        if not verify:
            context.verify_mode = ssl.CERT_NONE
        plain = self.sock
        try:
            self.sock = context.wrap_socket(plain, server_hostname=sni)
        except BaseException:
            plain.close()
            raise
        return self

    def response(self, method: str = "GET", limit: float = 15) -> Response:
        """Read one response, or CLOSED; a cut body, or one that goes on after ``limit``, gives ``complete=False``.

        What came after it is kept for the next call.
        """
        deadline = time.monotonic() + limit
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "x"), ("Connection", "close")]))
        parser.send(h11.EndOfMessage())
        head, body = None, bytearray()
        if self._early:
            parser.receive_data(self._early)
            self._early = b""
        while time.monotonic() < deadline:
            try:
                event = parser.next_event()
            except h11.RemoteProtocolError:
                break
            if event is h11.NEED_DATA:
                try:
                    parser.receive_data(self.sock.recv(65536))
                except (ConnectionError, ssl.SSLError):
                    break
            elif isinstance(event, h11.Response):
                head = event
                if method == "CONNECT" and event.status_code < 300:
                    return _made(event, body, complete=True)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._early = parser.trailing_data[0]
                return _made(head, body, complete=True)
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                break
        return CLOSED if head is None else _made(head, body, complete=False)

    def request(self, method: str, target: str, *headers: str, host: str = "", body: bytes = b"") -> Response:
        """One well-formed request and its response."""
        lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host else []), *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        return self.response(method)


def _made(head: Any, body: bytearray, *, complete: bool) -> Response:
    headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in head.headers]
    return Response(head.status_code, headers, bytes(body), complete)


def tunnel(
    exeat: Exeat,
    mission: dict[str, Any],
    host: str = "api.example.test",
    port: int = 443,
    *alpn: str,
    sni: str | None = "",
) -> Wire:
    """A tunnel with TLS finished: CONNECT, our leaf verified, ready for requests."""
    wire = Wire(exeat)
    try:
        answer = wire.connect(f"{host}:{port}", mission["pass"])
        assert answer.status == 200, (answer.status, answer.body)
        return wire.secure(mission["ca_file"], host if sni == "" else sni, *alpn)
    except BaseException:
        wire.close()
        raise


def ask(exeat: Exeat, mission: dict[str, Any], method: str, path: str, *headers: str, host: str = "api.example.test",
        body: bytes = b"") -> Response:  # fmt: skip
    """One request on a connection of its own."""
    with tunnel(exeat, mission, host) as wire:
        return wire.request(method, path, *headers, host=host, body=body)
