"""Where a redirected connection was going, as the kernel remembers it.

Must not know: what is spoken on it.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h, and IP6T_SO_ORIGINAL_DST of netfilter_ipv6
_V4 = struct.Struct("!2xH4s8x")
_V6 = struct.Struct("!2xH4x16s4x")


def original_destination(sock: Any) -> tuple[str, int] | None:
    """The address and port that a REDIRECT or DNAT rule replaced; its own local address where none did (TPROXY, or an
    agent that was led here by DNS); None when the socket is gone.
    """
    try:
        if sock.family == socket.AF_INET6 and not sock.getsockname()[0].startswith("::ffff:"):
            return _ask(sock, socket.IPPROTO_IPV6, _V6, socket.AF_INET6)
        return _ask(sock, socket.SOL_IP, _V4, socket.AF_INET)
    except OSError:
        pass
    try:
        local = sock.getsockname()
    except OSError:
        return None
    return str(local[0]), int(local[1])


def _ask(sock: Any, level: int, form: struct.Struct, family: socket.AddressFamily) -> tuple[str, int]:
    port, packed = form.unpack(sock.getsockopt(level, _SO_ORIGINAL_DST, form.size))
    return socket.inet_ntop(family, packed), port
