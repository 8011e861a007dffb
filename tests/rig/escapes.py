# ruff: noqa: T201, TID251, PTH115, PTH123, PTH110, PTH208
"""An agent that wants out: tries every way it knows, prints what came of each as one JSON object.

    python escapes.py '{"v4": …, "v6": …, "metadata": …, "admin": PORT, "abstract": NAME, "sockets": […], "pid": PID, "secrets": […]}'

"OUT…" is a way out; anything else says what stopped it. Only the standard library: it runs as anybody, anywhere.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import socket
import sys
from pathlib import Path

LIMIT = 1.0
libc = ctypes.CDLL(None, use_errno=True)


def sent(family, kind, address, protocol=0):
    with socket.socket(family, kind, protocol) as s:
        s.settimeout(LIMIT)
        s.connect(address)
        if kind == socket.SOCK_STREAM:
            return "OUT: connected"
        s.send(b"agent's secret")
        s.recv(100)
        return "OUT: answered"


def resolved():
    return "OUT: " + socket.getaddrinfo("example.com", 443)[0][4][0]


def descriptors():
    held = [
        os.readlink(f"/proc/self/fd/{n}")
        for n in os.listdir("/proc/self/fd")
        if int(n) > 2 and os.path.exists(f"/proc/self/fd/{n}")
    ]
    return f"OUT: {held}" if any("socket" in each or "pipe" in each for each in held) else "none inherited"


def processes(pid):
    strangers = [n for n in os.listdir("/proc") if n.isdecimal() and int(n) > 100]
    if strangers or Path(f"/proc/{pid}/ns/net").exists():
        return f"OUT: sees {strangers}"
    os.kill(pid, 0)
    return "OUT: may signal the outside"


def in_child(act):
    """Run something that changes this process, in a child; its word comes back through a pipe."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            word = act()
        except OSError as error:
            word = errno.errorcode.get(error.errno, str(error))
        os.write(write, word.encode())
        os._exit(0)
    os.close(write)
    os.wait()
    with open(read) as answer:
        return answer.read()


def uncovered():
    """New namespaces of one's own, to take away the mounts that cover things."""
    user = os.getuid()
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    for path in (b"/run", b"/proc", b"/var/run"):
        if libc.umount2(path, 0) == 0 or libc.umount2(path, 2) == 0:
            return f"OUT: uncovered {path!r}"
    return errno.errorcode[ctypes.get_errno()]


def addressed():
    """Capabilities in a user namespace of one's own, used on the network namespace one is in."""
    os.unshare(os.CLONE_NEWUSER)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 1):
        return "OUT: raw socket"


def io_uring():
    result = libc.syscall(425, 1, ctypes.create_string_buffer(120))
    return "OUT: io_uring" if result >= 0 else errno.errorcode[ctypes.get_errno()]


def typed():
    fcntl.ioctl(0, 0x5412, b"x")
    return "OUT: typed into the terminal"


def secrets(paths):
    return next(
        (f"OUT: {path}" for path in paths if Path(path).exists() and Path(path).is_file() and Path(path).read_bytes()),
        "none there",
    )


def regained():
    status = Path("/proc/self/status").read_text()
    held = [line for line in status.splitlines() if line.startswith("Cap") and int(line.split()[1], 16)]
    return f"OUT: {held}" if held or "NoNewPrivs:\t1" not in status else "no privileges"


def main(world):
    v4, v6 = world["v4"], world["v6"]
    tcp, udp, raw = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
    tries = {
        "tcp": lambda: sent(socket.AF_INET, tcp, (v4, 443)),
        "tcp, port 53": lambda: sent(socket.AF_INET, tcp, (v4, 53)),
        "tcp over IPv6": lambda: sent(socket.AF_INET6, tcp, (v6, 443)),
        "tcp over mapped IPv4": lambda: sent(socket.AF_INET6, tcp, ("::ffff:" + v4, 443)),
        "quic": lambda: sent(socket.AF_INET, udp, (v4, 443)),
        "quic over IPv6": lambda: sent(socket.AF_INET6, udp, (v6, 443)),
        "udp": lambda: sent(socket.AF_INET, udp, (v4, 5000)),
        "dns": lambda: sent(socket.AF_INET, udp, (v4, 53)),
        "dns over IPv6": lambda: sent(socket.AF_INET6, udp, (v6, 53)),
        "names": resolved,
        "metadata": lambda: sent(socket.AF_INET, tcp, (world["metadata"], 80)),
        "the admin API": lambda: sent(socket.AF_INET, tcp, ("127.0.0.1", world["admin"])),
        "raw": lambda: sent(socket.AF_INET, raw, (v4, 0), socket.IPPROTO_ICMP),
        "ping": lambda: sent(socket.AF_INET, udp, (v4, 0), socket.IPPROTO_ICMP),
        "packet": lambda: sent(socket.AF_PACKET, raw, ("lo", 3)),
        "capabilities of one's own": lambda: in_child(addressed),
    }
    if world.get("jail"):
        tries |= {
            "vsock": lambda: sent(socket.AF_VSOCK, tcp, (2, 443)),
            "abstract socket": lambda: sent(socket.AF_UNIX, tcp, "\0" + world["abstract"]),
            "descriptors": descriptors,
            "processes": lambda: processes(world["pid"]),
            "uncovered": lambda: in_child(uncovered),
            "io_uring": io_uring,
            "terminal": typed,
            "secrets": lambda: secrets(world["secrets"]),
            "privileges": regained,
        }
        tries |= {f"socket {path}": lambda path=path: sent(socket.AF_UNIX, tcp, path) for path in world["sockets"]}
    found = {}
    for name, attempt in tries.items():
        try:
            found[name] = attempt()
        except OSError as error:
            found[name] = errno.errorcode.get(error.errno, type(error).__name__)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
