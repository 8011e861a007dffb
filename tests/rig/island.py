"""A network of the test's own in which every address of the world is here: a dial to anywhere arrives, and is seen.

``Island`` moves the calling thread, and all threads and processes it starts from then on, into a fresh network namespace
whose loopback takes every IPv4 and IPv6 address (AnyIP). Needs root; ``why_not`` says so. Must not know: proxies, DNS.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Self

ROUTES = """
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
"""
_ALL = 3  # ETH_P_ALL
_OUTGOING = 4  # PACKET_OUTGOING: on loopback everything is seen twice
_SYN, _ACK = 0x02, 0x10


def why_not() -> str:
    """Why no island can be made here; empty when one can."""
    if os.geteuid() != 0:
        return "needs root: a network namespace of its own"
    if missing := [tool for tool in ("ip", "unshare", "mount") if shutil.which(tool) is None]:
        return f"needs {' and '.join(missing)}"
    try:
        subprocess.run(["unshare", "--net", "--mount", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "needs network and mount namespaces, which aren't allowed here"
    return ""


class Island:
    """The namespace, and a tap on its loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._home = -1
        self._tap: socket.socket | None = None

    def __enter__(self) -> Self:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        os.unshare(os.CLONE_NEWNET)
        self.sh(ROUTES)
        self._tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._tap.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self._tap.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._tap is not None:
            self._tap.close()
        os.setns(self._home, os.CLONE_NEWNET)
        os.close(self._home)

    def sh(self, commands: str) -> None:
        """Run shell commands in here; fail when one does."""
        subprocess.run(["sh", "-ec", commands], check=True, capture_output=True, text=True)

    def launcher(self, **files: str) -> list[str]:
        """A command prefix under which ``/etc/NAME`` holds these texts (``resolv_conf=`` is ``/etc/resolv.conf``)."""
        mounts = []
        for name, text in files.items():
            target = f"/etc/{name.replace('_', '.')}"
            file = self.folder / name
            file.write_text(text)
            mounts.append(f"mount --bind {file} {target}")
        return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join([*mounts, 'exec "$@"']), "sh"]

    def went_to(self, *, but: tuple[int, ...] = ()) -> list[str]:
        """Where new connections and datagrams went since the last call: ``tcp 10.0.0.1:443``; not to the ports ``but``."""
        found: dict[str, None] = {}
        while self._tap is not None:
            try:
                frame, (_, _, kind, *_) = self._tap.recvfrom(65536)
            except BlockingIOError:
                break
            if kind != _OUTGOING and (read := _read(frame[14:])) and read[2] not in but:
                found[f"{read[0]} {read[1]}:{read[2]}"] = None
        return list(found)


def _read(packet: bytes) -> tuple[str, str, int] | None:
    """Protocol, address and port of a datagram or the first packet of a connection; None for anything else."""
    if packet[0] >> 4 == 4:
        protocol, at, address = packet[9], (packet[0] & 15) * 4, socket.inet_ntop(socket.AF_INET, packet[16:20])
    else:
        protocol, at, address = packet[6], 40, f"[{socket.inet_ntop(socket.AF_INET6, packet[24:40])}]"
    port = struct.unpack_from("!H", packet, at + 2)[0]
    if protocol == socket.IPPROTO_TCP and packet[at + 13] & (_SYN | _ACK) == _SYN:
        return "tcp", address, port
    return ("udp", address, port) if protocol == socket.IPPROTO_UDP else None
