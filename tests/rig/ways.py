"""Every way into Exeat, each up to the point where a request for a host can be written in origin form.

Must not know: what is asked.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rig.config import Config, free_port
from rig.island import Island
from rig.proxy import Exeat
from rig.wire import Wire, basic, client_context

ANYWHERE = "198.18.0.1"
"""The address that every name has for a redirected agent."""


class TlsInTls:
    """TLS over a connection that is TLS already, as an HTTPS proxy's client speaks it."""

    def __init__(self, outer: Any, context: ssl.SSLContext, name: str) -> None:
        self._outer, self._in, self._out = outer, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._do(self._tls.do_handshake)

    def _do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        while True:
            try:
                result = action(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._outer.recv(65536)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._out.read():
            self._outer.sendall(data)

    def sendall(self, data: bytes) -> None:
        self._do(self._tls.write, data)

    def recv(self, size: int) -> bytes:
        try:
            received: bytes = self._do(self._tls.read, size)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        return received

    def selected_alpn_protocol(self) -> str | None:
        return self._tls.selected_alpn_protocol()

    def settimeout(self, seconds: float) -> None:
        self._outer.settimeout(seconds)

    def close(self) -> None:
        self._outer.close()


class Entered(Wire):
    """A Wire whose socket somebody else opened. ``prefix`` stands before a path, ``host`` is what Host has to say."""

    def __init__(self, exeat: Exeat, sock: Any, host: str, prefix: str = "", *extra: str) -> None:
        self.exeat, self.sock = exeat, sock
        self.host, self.prefix, self.extra = host, prefix, extra

    def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> Any:
        """One request and its response."""
        return self.request(method, self.prefix + path, *self.extra, *headers, host=self.host, body=body)


@dataclass(frozen=True)
class Doors:
    """The ports of one installation's listeners, by way."""

    ports: dict[str, int]

    @classmethod
    def open(cls, config: Config, *, agent: str = "prod/invoice-bot", **reverse: Any) -> Doors:
        """Give a configuration a listener of every kind; the redirected one knows its agent by itself."""
        ports = {"http": config.port} | {
            way: free_port() for way in ("https", "socks5", "transparent", "reverse", "reverse-tls")
        }
        here = "127.0.0.1"
        config.tables["listener"] = [
            {"url": f"https://{here}:{ports['https']}"},
            {"url": f"socks5://{here}:{ports['socks5']}"},
            {"url": f"transparent://{here}:{ports['transparent']}", "evidence": ["listener"], "agent": agent},
            {"url": f"reverse://{here}:{ports['reverse']}", **reverse},
            {"url": f"reverse://{here}:{ports['reverse-tls']}", "tls": True, "domain": "services.test", **reverse},
        ]
        return cls(ports)

    def redirect(self, island: Island) -> None:
        """Lead what goes to the one address to the transparent listener, as a network admin's rules would."""
        island.sh(
            "nft add table ip exeat_test\n"
            "nft add chain ip exeat_test out '{ type nat hook output priority -100; }'\n"
            f"nft add rule ip exeat_test out ip daddr {ANYWHERE} tcp dport '{{ 80, 443 }}' redirect to :{self.ports['transparent']}"
        )

    def enter(self, way: str, exeat: Exeat, mission: dict[str, Any], host: str, port: int = 443, *alpn: str) -> Entered:
        """Go in by one way, as far as the first byte of a request to ``host``; plain HTTP at port 80."""
        return getattr(self, "_" + way.replace("-", "_"))(exeat, mission, host, port, alpn or ("http/1.1",))

    def _tls(
        self, exeat: Exeat, mission: dict[str, Any], sock: Any, host: str, port: int, alpn: tuple[str, ...]
    ) -> Entered:
        if port == 80:
            return Entered(exeat, sock, host)
        context = client_context(mission["ca_file"], *alpn)
        try:
            inner = (
                TlsInTls(sock, context, host)
                if isinstance(sock, ssl.SSLSocket)
                else context.wrap_socket(sock, server_hostname=host)
            )
        except BaseException:
            sock.close()
            raise
        return Entered(exeat, inner, host if port == 443 else f"{host}:{port}")

    def _connect(self, way: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[way]), 10)

    def _proxy(
        self, way: str, exeat: Exeat, mission: dict[str, Any], host: str, port: int, alpn: tuple[str, ...]
    ) -> Entered:
        sock: Any = self._connect(way)
        if way == "https":
            sock = client_context(mission["ca_file"], "http/1.1").wrap_socket(sock, server_hostname="127.0.0.1")
        if port == 80:
            return Entered(exeat, sock, host, f"http://{host}", f"Proxy-Authorization: {basic(mission['pass'])}")
        wire = Entered(exeat, sock, host)
        answer = wire.connect(f"{host}:{port}", mission["pass"])
        assert answer.status == 200, (answer.status, answer.body)
        return self._tls(exeat, mission, sock, host, port, alpn)

    def _http(self, *where: Any) -> Entered:
        return self._proxy("http", *where)

    def _https(self, *where: Any) -> Entered:
        return self._proxy("https", *where)

    def _socks5(self, exeat: Exeat, mission: dict[str, Any], host: str, port: int, alpn: tuple[str, ...]) -> Entered:
        sock = self._connect("socks5")
        shown = urlsplit(mission["socks_url"]).password or ""
        assert socks(sock, host, port, "mission", shown) == 0
        return self._tls(exeat, mission, sock, host, port, alpn)

    def _transparent(
        self, exeat: Exeat, mission: dict[str, Any], host: str, port: int, alpn: tuple[str, ...]
    ) -> Entered:
        return self._tls(exeat, mission, socket.create_connection((ANYWHERE, port), 10), host, port, alpn)

    def _reverse(self, exeat: Exeat, mission: dict[str, Any], host: str, port: int, alpn: tuple[str, ...]) -> Entered:
        authority = f"127.0.0.1:{self.ports['reverse']}"
        return Entered(
            exeat, self._connect("reverse"), authority, f"/{host}", f"Proxy-Authorization: {basic(mission['pass'])}"
        )

    def _reverse_tls(
        self, exeat: Exeat, mission: dict[str, Any], host: str, port: int, alpn: tuple[str, ...]
    ) -> Entered:
        sock = client_context(mission["ca_file"], *alpn).wrap_socket(
            self._connect("reverse-tls"), server_hostname="127.0.0.1"
        )
        authority = f"127.0.0.1:{self.ports['reverse-tls']}"
        return Entered(exeat, sock, authority, f"/{host}", f"Proxy-Authorization: {basic(mission['pass'])}")


def at(doors: Doors, way: str) -> socket.socket:
    """A socket to one listener."""
    return socket.create_connection(("127.0.0.1", doors.ports[way]), 8)


def inside(exeat: Exeat, mission: dict[str, Any], sock: Any, name: str | None, *, verify: bool = True) -> Entered:
    """TLS inside what was opened, with any server name or none."""
    context = client_context(mission["ca_file"])
    context.check_hostname = verify and name is not None
    try:
        return Entered(exeat, context.wrap_socket(sock, server_hostname=name), name or "")
    except BaseException:
        sock.close()
        raise


def socks(sock: socket.socket, host: str, port: int, user: str | None = None, password: str = "") -> int:
    """Greet (RFC 1928, RFC 1929) and ask for a name; return the reply code, -1 when the connection was closed."""
    return socks_raw(sock, b"\x03" + bytes([len(host.encode())]) + host.encode(), port, user, password)


def socks_raw(sock: socket.socket, address: bytes, port: int, user: str | None = None, password: str = "") -> int:
    """As :func:`socks`, for an address as it stands on the wire: its type, then its bytes."""
    with contextlib.suppress(ConnectionError):
        sock.sendall(b"\x05\x01\x00" if user is None else b"\x05\x02\x00\x02")
        chosen = sock.recv(2)
        if chosen == b"\x05\x02" and user is not None:
            sock.sendall(b"\x01" + bytes([len(user)]) + user.encode() + bytes([len(password)]) + password.encode())
            if sock.recv(2) != b"\x01\x00":
                return -1
        elif chosen != b"\x05\x00":
            return -1
        sock.sendall(b"\x05\x01\x00" + address + port.to_bytes(2))
        answer = sock.recv(10)
        return answer[1] if len(answer) >= 2 else -1
    return -1
