"""A DNS server that lies, stalls and counts: for each name a list of answers, one a question, the last one for ever.

It listens at port 53 of 127.0.0.1 over UDP and TCP, so it wants an island of its own. Must not know: who asks.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, A, DNSRecord

Answer = Callable[[DNSRecord, bool], bytes]
"""Makes the bytes of a reply from a question and whether it came over TCP; none at all when empty."""


def addresses(*texts: str, via: tuple[str, ...] = ()) -> Answer:
    """These addresses, of the type that was asked for; behind a chain of aliases where ``via`` names some."""

    def answer(question: DNSRecord, _: bool) -> bytes:
        reply, owner = question.reply(), question.q.qname
        for alias in via:
            reply.add_answer(RR(owner, QTYPE.CNAME, ttl=0, rdata=CNAME(alias)))
            owner = alias
        for text in texts:
            kind, data = (QTYPE.A, A) if ip_address(text).version == 4 else (QTYPE.AAAA, AAAA)
            if kind == question.q.qtype:
                reply.add_answer(RR(owner, kind, ttl=0, rdata=data(tuple(ip_address(text).packed))))
        return bytes(reply.pack())

    return answer


def fails(code: str) -> Answer:
    """An answer with an error: ``SERVFAIL``, ``NXDOMAIN``, ``REFUSED``."""

    def answer(question: DNSRecord, _: bool) -> bytes:
        reply = question.reply()
        reply.header.rcode = getattr(RCODE, code)
        return bytes(reply.pack())

    return answer


def silence(_: DNSRecord, __: bool) -> bytes:
    """Nothing comes back."""
    return b""


def wrong_id(question: DNSRecord, tcp: bool) -> bytes:
    """A good address in an answer to another question."""
    reply = addresses("93.184.215.14", "2606:2800:220:1::1")(question, tcp)
    return bytes([reply[0] ^ 0xFF, reply[1] ^ 0xFF]) + reply[2:]


def wrong_name(question: DNSRecord, tcp: bool) -> bytes:
    """A good address for a name that nobody asked about."""
    other = DNSRecord.question("other.example.test", QTYPE[question.q.qtype])
    other.header.id = question.header.id
    return addresses("93.184.215.14", "2606:2800:220:1::1")(other, tcp)


def garbage(question: DNSRecord, _: bool) -> bytes:
    """The right id, then noise."""
    return question.header.id.to_bytes(2, "big") + b"\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00" + b"\xc0\x0c" * 200


def cut_off(question: DNSRecord, tcp: bool) -> bytes:
    """The first half of a good answer."""
    return addresses("93.184.215.14", "2606:2800:220:1::1")(question, tcp)[:-9]


def huge(question: DNSRecord, tcp: bool) -> bytes:
    """Truncated over UDP; over TCP some four thousand private addresses, as much as fits into one message."""
    if not tcp:
        reply = question.reply()
        reply.header.tc = 1
        return bytes(reply.pack())
    return addresses(*(f"10.{n >> 8}.{n & 255}.1" for n in range(4000)))(question, tcp)


@dataclass
class Nameserver:
    """``names`` maps a name to its answers; unknown names don't exist. ``asked`` has every question, in order."""

    names: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 53))
        self._tcp = socket.create_server(("127.0.0.1", 53))

    def __enter__(self) -> Self:
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._udp, self._tcp):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def answer(self, name: str, *answers: Answer) -> None:
        """Set what a name's questions get, from now on."""
        self.names[name] = list(answers)
        for kind in ("A", "AAAA"):
            self._counts.pop(f"{kind} {name}", None)

    def wait_asked(self, count: int = 1, limit: float = 5) -> None:
        """Return once so many questions have come."""
        deadline = time.monotonic() + limit
        while len(self.asked) < count:
            assert time.monotonic() < deadline, f"{self.asked} were asked, {count} questions expected"
            time.sleep(0.005)

    def _reply(self, data: bytes, *, tcp: bool) -> bytes:
        question = DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
        kind = QTYPE[question.q.qtype]
        self.asked.append(f"{kind} {question.q.qname}")
        answers = self.names.get(name) or [fails("NXDOMAIN")]
        number = self._counts.get(f"{kind} {name}", 0)
        if not tcp:  # over TCP a truncated question is asked again
            self._counts[f"{kind} {name}"] = number + 1
        return answers[min(number, len(answers) - 1)](question, tcp)

    def _serve_udp(self) -> None:
        with suppress(OSError):
            while True:
                data, peer = self._udp.recvfrom(4096)
                if not data:
                    return  # shut down
                if reply := self._reply(data, tcp=False):
                    self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while length := connection.recv(2):
                reply = self._reply(connection.recv(int.from_bytes(length, "big")), tcp=True)
                if not reply:
                    return
                connection.sendall(len(reply).to_bytes(2, "big") + reply)
