"""The system call filter, run as the kernel runs it, for each processor it is written for."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from exeat.jail.lock import program

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = {"x86_64": (0xC000003E, 41, 16, 0), "aarch64": (0xC00000B7, 198, 29, 63), "riscv64": (0xC00000F3, 198, 29, 63)}  # fmt: skip
"""uname's machine: AUDIT_ARCH, socket, ioctl, read, from the kernel's headers."""


def run(machine, audit, number, *arguments):
    """Interpret the classic BPF over struct seccomp_data."""
    data = struct.pack("=iIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    lines = list(struct.iter_unpack("=HBBI", program(machine)))
    at = accumulator = 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code in (0x15, 0x35):
            at += yes if (accumulator == value if code == 0x15 else accumulator >= value) else no
        else:
            assert code == 0x06
            return value


def refused(number):
    return 0x00050000 | number


@pytest.mark.parametrize("machine", MACHINES)
def test_only_families_that_a_network_namespace_holds_may_be_opened(machine):
    audit, call, _, _ = MACHINES[machine]
    for family in range(64):
        held = family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
        assert run(machine, audit, call, family) == (ALLOW if held else refused(errno.EAFNOSUPPORT)), family
    assert run(machine, audit, call, (1 << 32) | socket.AF_VSOCK) == refused(errno.EAFNOSUPPORT), "the kernel reads 32 bits"  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_is_typed_into_the_terminal_and_no_ring_opens_sockets(machine):
    audit, _, ioctl, read = MACHINES[machine]
    for request in (0x5412, 0x541C, (1 << 32) | 0x5412):  # CVE-2019-10063: the high half is not looked at by the kernel
        assert run(machine, audit, ioctl, 0, request) == refused(errno.EPERM)
    assert run(machine, audit, ioctl, 0, 0x5401) == ALLOW
    assert run(machine, audit, ioctl, 0x5412, 0x5401) == ALLOW
    for number in (425, 426, 427):
        assert run(machine, audit, number) == refused(errno.ENOSYS)
    assert run(machine, audit, read, 3) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_another_abi_of_the_same_processor_is_no_way_around(machine):
    audit, call, _, _ = MACHINES[machine]
    assert run(machine, 0x40000003, call, socket.AF_VSOCK) == KILL
    assert run(machine, audit, 0x40000000 | call, socket.AF_VSOCK) == refused(errno.ENOSYS)


def test_a_processor_that_is_not_known_gets_no_jail():
    with pytest.raises(OSError, match="no system call filter"):
        program("sparc64")
