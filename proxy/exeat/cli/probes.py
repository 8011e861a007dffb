"""One attempt to get out each, with a time limit: whether anybody answered, and whether that was Exeat.

A probe is one connection or one datagram and sends nothing of value. Must not know: which attempts should fail.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

INVALID: Final = "exeat-doctor.invalid"
"""A name that no real resolver knows (RFC 6761 §6.4)."""
_ASKED: Final = f"HEAD / HTTP/1.1\r\nHost: {INVALID}\r\nConnection: close\r\n\r\n".encode()
_OURS: Final = b"\r\nproxy-status: exeat"
_NAME: Final = b"".join(bytes([len(label)]) + label for label in INVALID.encode().split(b".")) + b"\0"
DNS_QUERY: Final = struct.pack("!6H", 0x4558, 0x0100, 1, 0, 0, 0) + _NAME + struct.pack("!2H", 1, 1)
"""RFC 1035 §4.1: one question, type A, recursion desired."""
QUIC_HELLO: Final = b"\xc0\x1a\x2a\x3a\x4a\x08EXEATDOC\x00".ljust(1200, b"\0")
"""A long header of a version nobody speaks, padded: a QUIC server must answer it with those it does (RFC 9000 §6)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of an attempt. ``ours``: Exeat itself answered, as a transparent listener does."""

    out: bool
    detail: str
    ours: bool = False


def tcp(address: str, port: int, limit: float) -> Probe:
    """Connect; whoever accepts is asked whether it is Exeat. A refusal counts as out: somebody there said it."""
    try:
        with socket.create_connection((address, port), timeout=limit) as connection:
            return _who(connection)
    except (ConnectionRefusedError, ConnectionResetError):
        return Probe(True, "reached: it refused the connection itself")
    except TimeoutError:
        return Probe(False, f"no answer in {limit:g} s")
    except OSError as error:
        return Probe(False, _reason(error))


def _who(connection: socket.socket) -> Probe:
    answer = b""
    with contextlib.suppress(OSError):
        connection.sendall(_ASKED)
        while len(answer) < 8192 and b"\r\n\r\n" not in answer and (more := connection.recv(4096)):
            answer += more
    if _OURS in answer.lower():
        return Probe(False, "answered by Exeat, to which it was redirected", ours=True)
    return Probe(True, "connected")


def udp(address: str, port: int, payload: bytes, limit: float) -> Probe:
    """Send one datagram and wait for any answer."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(limit)
            connection.connect((address, port))
            connection.send(payload)
            answer = connection.recv(2048)
    except ConnectionRefusedError:
        return Probe(True, "reached: nothing listens there")
    except TimeoutError:
        return Probe(False, f"no answer in {limit:g} s")
    except OSError as error:
        return Probe(False, _reason(error))
    if payload is DNS_QUERY and _found(answer):
        return Probe(False, "answered by Exeat, to which it was redirected", ours=True)
    return Probe(True, "answered")


def _found(answer: bytes) -> bool:
    """Whether a DNS answer claims to know the name that nobody knows."""
    if len(answer) < 12:
        return False
    flags = int.from_bytes(answer[2:4])
    return answer[:2] == DNS_QUERY[:2] and flags & 0x800F == 0x8000 and answer[6:8] != b"\0\0"


def resolves(name: str, limit: float) -> list[str]:
    """The addresses of a name by this machine's own resolver; [] for none within the limit."""
    found: list[str] = []

    def look() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(sorted({str(each[4][0]) for each in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)}))

    thread = threading.Thread(target=look, daemon=True)  # the C library's resolver takes no time limit
    thread.start()
    thread.join(limit)
    return list(found)


def opens(family: int, kind: int, protocol: int = 0) -> bool:
    """Whether this process may have such a socket."""
    try:
        socket.socket(family, kind, protocol).close()
    except OSError:
        return False
    return True


def connects(path: str, limit: float) -> bool:
    """Whether a Unix socket that is a file takes a connection."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(limit)
            connection.connect(path)
    except OSError:
        return False
    return True


def _reason(error: OSError) -> str:
    return f"stopped here: {os.strerror(error.errno).lower()}" if error.errno else "stopped here"
