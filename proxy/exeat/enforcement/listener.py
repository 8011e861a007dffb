"""Our own listeners: bound before anything is promised, shared between workers by SO_REUSEPORT.

Must not know: what is spoken on them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

from exeat.config.endpoints import Listener
from exeat.enforcement.ways.entry import Entry
from exeat.enforcement.ways.names import NameServer
from exeat.enforcement.ways.tls import ListenerTls
from exeat.errors import StartError

_BACKLOG = 1024
_AT_ONCE = 32
"""Connections taken in one go before anything is done with them: fewer than file descriptors are kept in reserve."""


def bind(address: Listener) -> socket.socket:
    """Return a bound, listening socket; raise StartError naming the port when it is taken.

    The port is probed without SO_REUSEPORT first, so that a stranger's listener is noticed and not shared with.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    for reuse in (False, True):
        # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say so.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind((address.host, address.port))
            if reuse:
                listener.listen(_BACKLOG)
                listener.setblocking(False)
                return listener
        except OSError as error:
            listener.close()
            raise StartError(
                f"can't listen on {address.host}:{address.port}: {error.strerror}",
                "stop what uses this port, or set another one in the configuration",
            ) from error
        listener.close()
    raise StartError(f"can't listen on {address.host}:{address.port}")


ProtocolFactory = Callable[[Entry], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Port:
    """One way in: where, what is particular to it, its certificate where it speaks TLS, its DNS where it has one."""

    address: Listener
    entry: Entry
    certificate: ListenerTls | None = None
    names: NameServer | None = None


@final
class Listeners:
    """The data path's open ports.

    ``sockets`` are listening already when another process bound them, one a port, and perhaps shares them with more workers;
    then connections are taken one by one, so that whoever is idle gets the next.
    """

    def __init__(self, ports: Sequence[Port], sockets: Sequence[socket.socket] | None = None) -> None:
        self._ports = tuple(ports)
        self._at_once = _AT_ONCE if sockets is None else 1
        self._sockets = [bind(port.address) for port in ports] if sockets is None else list(sockets)
        self._servers: list[asyncio.Server] = []

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Of the listening sockets, in the order of the ports, for a process that inherits them."""
        return tuple(listener.fileno() for listener in self._sockets)

    async def start(self, factory: ProtocolFactory) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        for port, listener in zip(self._ports, self._sockets, strict=True):
            accept = partial(factory, port.entry)
            self._servers.append(await loop.create_server(accept, sock=listener, backlog=self._at_once))
            listener.listen(_BACKLOG)

    async def start_names(self) -> None:
        """Begin to answer for names, once for all that share the ports; raise StartError when a port is taken."""
        for port in self._ports:
            if port.names is not None:
                await port.names.start()

    def renew(self) -> None:
        """Load certificates that changed or age; raise StartError for the first that is unusable: the old one stays in use."""
        for port in self._ports:
            if port.certificate is not None:
                port.certificate.renew()

    async def stop(self) -> None:
        """Accept no more; connections already open go on."""
        for server in self._servers:
            server.close()
        for listener in self._sockets:
            listener.close()
        for port in self._ports:
            if port.names is not None:
                port.names.stop()
