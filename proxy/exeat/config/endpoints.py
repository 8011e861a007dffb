"""Listener URLs, fixed addresses and URLs of servers we trust: the written forms that name a socket.

Must not know: sockets, settings, files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from exeat.model.destination import DestinationPattern, host_port

SCHEMES = ("http", "https", "socks5", "transparent", "reverse")
"""Ways in: an explicit proxy in clear and over TLS, SOCKS5, redirected connections, a base URL per service."""
_HOST = re.compile(r"localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen: ``host`` without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def bound(self) -> IPv4Address | IPv6Address:
        """The address it binds, ``localhost`` as 127.0.0.1."""
        return ip_address("127.0.0.1" if self.host == "localhost" else self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{host_port(self.host, self.port)}"


def is_loopback(host: str) -> bool:
    """Whether a listener's host can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_listener(url: str) -> Listener:
    """Read ``scheme://address:port``; raise ValueError with what is wrong. Never quotes the URL: it may hold a password."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise ValueError("must be a URL: scheme://address:port")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be scheme://address:port and nothing more")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not port:
        raise ValueError("needs a port from 1 to 65535")
    host = parts.hostname or ""
    if not _HOST.fullmatch(parts.netloc.rpartition(":")[0]):
        raise ValueError("must name an IP address or localhost: other names can move")
    if host != "localhost":
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("names no valid IP address") from None
    return Listener(parts.scheme, host, port)


def check_server_url(url: str, danger: str = "would send tokens in the clear") -> str:
    """Return the URL of a server that is trusted; raise ValueError unless it is https, or http on loopback."""
    parts = urlsplit(url)
    if not url.isascii() or not url.isprintable() or " " in url or "#" in url or "@" in parts.netloc:
        raise ValueError("must be a URL without user, fragment and spaces, as in 'https://login.example.com/token'")
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"https", "http"}:
        raise ValueError("must be a URL, as in 'https://login.example.com/token'")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{danger}: write https://")
    return url


def resolve_problem(source: str, target: str) -> tuple[str, str] | None:
    """Why an entry of ``upstream.resolve`` is wrong, with the fix; None when it isn't."""
    form = '"api.example.com:443" = "10.0.0.7:8443"'
    try:
        pattern = DestinationPattern.parse(source)
    except ValueError as error:
        return str(error), f"as in {form}"
    if "*" in pattern.host:
        return "must name one host, without '*'", f"as in {form}"
    host, separator, port = target.rpartition(":")
    try:
        if not separator or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
            raise ValueError
        address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        if address.version == 6 and not host.startswith("["):
            raise ValueError
    except ValueError:
        return "must point to an address and a port", f"as in {form}"
    return None
