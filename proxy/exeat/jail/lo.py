"""The jail's network: loopback up, the proxy's own address on it, one listening socket.

The proxy's address is the same inside as outside, so no client setting has to be rewritten, whatever wrote it.
Must not know: what listens behind it.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import time
from ipaddress import ip_address

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 1
_BACKLOG = 128
_TENTATIVE = 5.0
"""Seconds; it takes milliseconds."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at host and port in this namespace; raise OSError.

    ``host`` is an address, or a name, which then means 127.0.0.1 (``mounts`` makes it so).
    """
    try:
        address = ip_address(host)
    except ValueError:
        address = ip_address("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH22x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
        if address.version == 4 and not address.is_loopback and not address.is_unspecified:
            for call, value in ((_SIOCSIFADDR, address.packed), (_SIOCSIFNETMASK, b"\xff\xff\xff\xff")):
                fcntl.ioctl(control, call, struct.pack("16sHH4s16x", b"lo:1", socket.AF_INET, 0, value))
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    if address.version == 6 and not address.is_loopback and not address.is_unspecified:
        with socket.socket(family, socket.SOCK_DGRAM) as control:
            request = struct.pack("16sIi", address.packed, 128, socket.if_nametoindex("lo"))
            fcntl.ioctl(control, _SIOCSIFADDR, request)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bind(listener, str(address), port)
    listener.listen(_BACKLOG)
    return listener


def _bind(listener: socket.socket, address: str, port: int) -> None:
    """Bind, waiting for an IPv6 address to be usable: the kernel checks a new one in a moment of its own (RFC 4862 §5.4)."""
    deadline = time.monotonic() + _TENTATIVE
    while True:
        try:
            listener.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
