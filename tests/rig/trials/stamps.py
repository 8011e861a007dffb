"""When bytes reached a socket, by the kernel's clock, as seconds of CLOCK_MONOTONIC.

Must not know: what the bytes are.
"""

from __future__ import annotations

import socket
import struct
import time

_SO_TIMESTAMPNS = 35
_TIME = struct.Struct("qq")
_ROOM = socket.CMSG_SPACE(_TIME.size)
_keeps_stamping: list[socket.socket] = []


def stamping() -> None:
    """Have the kernel stamp from now on, in this process's network: its first socket turns it on, a little later."""
    if not _keeps_stamping:
        _keeps_stamping.append(stamped(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        time.sleep(0.05)


def stamped(sock: socket.socket) -> socket.socket:
    """The same socket, or listener, whose bytes carry the time they came."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return sock


def receive(sock: socket.socket, size: int = 65536) -> tuple[bytes, float]:
    """Some bytes and when the last of them came; without a stamp, now."""
    data, extra, _, _ = sock.recvmsg(size, _ROOM)
    at = time.monotonic()
    for level, kind, value in extra:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIME.unpack(value[: _TIME.size])
            at = min(at, seconds + nanoseconds / 1e9 - (time.time() - at))
    return data, at
