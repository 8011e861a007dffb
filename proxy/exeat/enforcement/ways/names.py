"""DNS for agents whose connections are redirected here: every name has one address, nothing is ever asked elsewhere.

Which name is meant is told by TLS and by Host, where it is judged; a query tells nobody anything (security matrix N11). Must
not know: destinations, missions.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from ipaddress import IPv4Address
from typing import Any, final

from mitmproxy.dns import DNSMessage, ResourceRecord
from mitmproxy.net.dns import classes, op_codes, response_codes, types

from exeat.config.endpoints import Listener
from exeat.errors import StartError

logger = logging.getLogger("exeat.names")

_TTL = 60
"""Seconds: the answer never changes, but an agent may move to another network."""
_LONGEST = 512
"""Bytes of a query by UDP (RFC 1035 §4.2.1); ours are answered within it."""
_SECONDS = 10.0
_CONVERSATIONS = 64


def answer(query: bytes, address: IPv4Address) -> bytes | None:
    """Answer one query; None for what isn't one, so that nobody's forged source address is sent anything but an answer.

    A gets ``address``; any other type an empty answer (RFC 2308 §2.2), so that a client falls back to IPv4.
    """
    try:
        return _answer(DNSMessage.unpack(query), address)
    except Exception:  # noqa: BLE001 the library raises several kinds on hostile bytes, also where it writes what it read
        return None


def _answer(message: DNSMessage, address: IPv4Address) -> bytes | None:
    if not message.query or len(message.questions) != 1:
        return None
    question = message.questions[0]
    if message.op_code != op_codes.QUERY or question.class_ != classes.IN:
        return message.fail(response_codes.NOTIMP).packed
    records = [ResourceRecord.A(question.name, address, ttl=_TTL)] if question.type == types.A else []
    return message.succeed(records).packed


@final
class NameServer:
    """Answers on one address, by UDP and TCP."""

    def __init__(self, listen: Listener, address: str) -> None:
        self._listen, self._address = listen, IPv4Address(address)
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._talking = 0

    async def start(self) -> None:
        """Begin to answer; raise StartError when the port is taken."""
        loop = asyncio.get_running_loop()
        where = (self._listen.host, self._listen.port)
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._address), local_addr=where, family=socket.AF_UNSPEC
            )
            self._tcp = await asyncio.start_server(self._converse, *where, limit=_LONGEST)
        except OSError as error:
            self.stop()
            raise StartError(
                f"can't answer names on {self._listen.host}:{self._listen.port}: {error.strerror}",
                "stop what uses this port, or set another one as the listener's dns",
            ) from error

    def stop(self) -> None:
        """Answer no more."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Queries by TCP (RFC 7766 §8): two bytes of length before each message."""
        self._talking += 1
        try:
            while self._talking <= _CONVERSATIONS:
                async with asyncio.timeout(_SECONDS):
                    size = int.from_bytes(await reader.readexactly(2))
                    found = answer(await reader.readexactly(size), self._address) if size <= _LONGEST else None
                    if found is None:
                        break
                    writer.write(len(found).to_bytes(2) + found)
                    await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            self._talking -= 1
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, address: IPv4Address) -> None:
        self._address = address
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        found = answer(data, self._address) if len(data) <= _LONGEST else None
        if found is not None:
            self._transport.sendto(found, addr)
