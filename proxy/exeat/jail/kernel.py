"""The system calls that Python doesn't wrap: mount(2), prctl(2), capset(2).

Must not know: what for. Only the standard library, as everything that runs inside.
"""

from __future__ import annotations

import ctypes
import errno
import os

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount; raise OSError naming the target."""
    arguments = (source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _check(_libc.mount(*arguments), target)


def prctl(option: int, *values: int | ctypes.c_void_p) -> None:
    """Change this process; raise OSError."""
    given = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in values]
    rest = [ctypes.c_ulong(0)] * (4 - len(given))
    _check(_libc.prctl(ctypes.c_int(option), *given, *rest), f"prctl {option}")


def drop_bounding_set() -> None:
    """Make sure that no exec ever brings a capability back; needs CAP_SETPCAP, so do it before becoming another user."""
    for number in range(64):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError as error:
            if (
                error.errno != errno.EINVAL
            ):  # the first number this kernel doesn't know ends it; anything else is a failure
                raise
            return


def clear_capabilities() -> None:
    """Give up every capability."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(nothing)), "capset")
