"""The gate where connections open: resolve, check every address, dial the checked one, compare the peer.

It trusts nothing the first gate did but the exchange it is handed. Must not know: any engine, policies, credentials.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import final

from exeat.decision.addresses import unmapped
from exeat.decision.ranges import metadata, refused
from exeat.enforcement.lookup import FairResolver
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.ports import Resolver

Endpoint = tuple[str, int]


@final
class Dialer:
    """Opens connections for permitted exchanges.

    ``overrides`` maps ``(host, port)`` to ``(address, port)``: the one way to allow a private address by name. ``own``
    holds the endpoints we listen on; their ports at any address of this machine, and metadata services, are refused always.
    """

    def __init__(
        self, resolver: Resolver, overrides: Mapping[Endpoint, Endpoint], own: Sequence[Endpoint], deadline: float
    ) -> None:
        self._resolver = FairResolver(resolver)
        self._overrides = dict(overrides)
        self._own_ports = frozenset(port for _, port in own)
        self._own_hosts = frozenset(host for host, _ in own)
        self._deadline = deadline

    def is_self(self, host: str, port: int) -> bool:
        """Whether dialling this could come back to us: one of our ports, at any address of this machine."""
        if port not in self._own_ports:
            return False
        if host in self._own_hosts or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        address = unmapped(address)
        return address.is_loopback or address.is_unspecified or _is_local(address)

    async def dial(
        self, host: str, port: int, protocol: Callable[[], asyncio.Protocol], asker: str = ""
    ) -> asyncio.Transport:
        """Return a TCP connection to one of the host's allowed addresses, with ``protocol`` on it, for the session ``asker``.

        Raise RefusalError with ADDRESS_NOT_ALLOWED when no address may be dialled, UPSTREAM_UNREACHABLE when none
        answers within the deadline.
        """
        try:
            async with asyncio.timeout(self._deadline):
                endpoints = await self._endpoints(host, port, asker)
                return await self._connect(endpoints, protocol)
        except TimeoutError as error:
            raise RefusalError(Reason.UPSTREAM_UNREACHABLE, f"{host}:{port} did not answer in time") from error

    async def _endpoints(self, host: str, port: int, asker: str) -> list[Endpoint]:
        override = self._overrides.get((host, port))
        if override is not None:
            address, target_port = override
            if metadata(address) or self.is_self(address, target_port):
                raise RefusalError(Reason.ADDRESS_NOT_ALLOWED, f"{host}:{port} is mapped to a forbidden address")
            return [override]
        # One resolution a connection, and only its checked results are dialled: rebinding has no window.
        answers = await self._resolver.resolve(asker, host, port)
        allowed = [(address, port) for address in answers if not refused(address) and not self.is_self(address, port)]
        if not allowed:
            why = f"{answers[0]} is {refused(answers[0]) or 'our own'}" if answers else "no address"
            raise RefusalError(Reason.ADDRESS_NOT_ALLOWED if answers else Reason.UPSTREAM_UNREACHABLE, f"{host}: {why}")
        return allowed

    async def _connect(self, endpoints: list[Endpoint], protocol: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for address, port in endpoints:
            try:
                transport, _ = await loop.create_connection(protocol, address, port)
            except OSError as error:
                failure = error
                continue
            peer = transport.get_extra_info("peername")
            if not peer or ip_address(peer[0]) != ip_address(address) or peer[1] != port:
                transport.abort()
                raise RefusalError(Reason.ADDRESS_NOT_ALLOWED, f"connected to {peer}, not to {address}:{port}")
            return transport
        raise RefusalError(Reason.UPSTREAM_UNREACHABLE, str(failure) if failure else "no address answered")


def _is_local(address: IPv4Address | IPv6Address) -> bool:
    """Whether this machine has the address now: only those can be bound. Interfaces come and go, so no list is kept.

    Asked only where a port is one of ours; what the kernel answers in any other way counts as local.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True
