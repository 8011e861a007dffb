"""What a network namespace doesn't hold, taken away: capabilities, new privileges, and a few system calls.

Socket families other than these either know no network namespaces (vsock reaches the machine under a virtual machine)
or have no use in a jail. io_uring opens sockets without the system call that is watched here. TIOCSTI and TIOCLINUX
type into the terminal, which a shell outside reads afterwards (CVE-2017-5226).
Must not know: namespaces.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from typing import Final

from exeat.jail.kernel import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECCOMP,
    SECCOMP_MODE_FILTER,
    clear_capabilities,
    prctl,
)

FAMILIES: Final = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_TERMINAL: Final = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX."""
_IO_URING: Final = (425, 426, 427)
"""setup, enter, register: the same number on every architecture."""
_MACHINES: Final = {"x86_64": (0xC000003E, 41, 16), "aarch64": (0xC00000B7, 198, 29), "riscv64": (0xC00000F3, 198, 29)}
"""uname's machine: the kernel's AUDIT_ARCH, socket(2) and ioctl(2)."""
_X32 = 0x40000000
"""Set in the numbers of x86-64's other ABI, which would name the same calls differently."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _MACHINE_AT, _FIRST_AT, _SECOND_AT = 0, 4, 16, 24
"""Offsets into struct seccomp_data; of an argument its low half, which is all that the kernel reads of these."""


def program(machine: str) -> bytes:
    """The filter as classic BPF; raise OSError(ENOSYS) for a processor whose numbers aren't known here."""
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no system call filter is written for {machine}")
    audit, socket_call, ioctl_call = _MACHINES[machine]
    lines = [(_LOAD, 0, 0, _MACHINE_AT), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL)]
    lines += [(_LOAD, 0, 0, _NUMBER_AT), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for number in _IO_URING:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    families = [(_EQUAL, len(FAMILIES) - at, 0, family) for at, family in enumerate(FAMILIES)]
    lines += _branch(socket_call, _FIRST_AT, [*families, (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT)])
    terminal = [
        line for request in _TERMINAL for line in ((_EQUAL, 0, 1, request), (_RETURN, 0, 0, _ERRNO | errno.EPERM))
    ]
    lines += _branch(ioctl_call, _SECOND_AT, terminal)
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _branch(call: int, argument: int, body: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """The body for one system call, judging one argument; it ends in an allow of its own."""
    inner = [(_LOAD, 0, 0, argument), *body, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(inner), call), *inner]


def lock() -> None:
    """Lock this process and all it will ever start; there is no way back. Raise OSError when any of it fails."""
    code = program(os.uname().machine)
    clear_capabilities()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(filter_, len(filter_))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_void_p(ctypes.addressof(holder)))
