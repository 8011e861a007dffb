"""The way into the jail: what must not come along, new namespaces, and why a kernel doesn't give them.

Must not know: what happens in them.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from exeat.jail.plan import JailError

_NAMESPACES: Final = os.CLONE_NEWNET | os.CLONE_NEWNS | os.CLONE_NEWPID | os.CLONE_NEWIPC


def check_standard_streams() -> None:
    """A socket of the network outside would be a way out whatever the namespace."""
    for descriptor in (0, 1, 2):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode):
            raise JailError(f"descriptor {descriptor} is a folder", "redirect it: < /dev/null")
        if stat.S_ISSOCK(mode):
            with socket.socket(fileno=os.dup(descriptor)) as held:
                if held.family != socket.AF_UNIX:
                    raise JailError(f"descriptor {descriptor} is a network socket", "redirect it: < /dev/null | cat")


def enter(*, as_root: bool) -> None:
    """Leave the namespaces of the outside; as root, else in a user namespace of one's own."""
    if as_root:
        _unshare(_NAMESPACES, "new namespaces as root")
        return
    user, group = os.getuid(), os.getgid()
    _unshare(os.CLONE_NEWUSER, "a user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _unshare(_NAMESPACES, "namespaces inside a user namespace")


def _unshare(flags: int, what: str) -> None:
    try:
        os.unshare(flags)
    except OSError as error:
        raise JailError(f"this kernel doesn't allow {what} ({error.strerror})", _remedy(error.errno)) from None


def _remedy(number: int | None) -> str:
    """What stands in the way, as far as the kernel shows it."""
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; or: sudo exeat run --jail --user NAME …"
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return "as root: sysctl -w kernel.unprivileged_userns_clone=1; or: sudo exeat run --jail --user NAME …"
    if number == errno.ENOSPC or _setting("user/max_user_namespaces") == "0":
        return "as root: sysctl -w user.max_user_namespaces=10000; or: sudo exeat run --jail --user NAME …"
    return "in a container its engine forbids it: put the agent on an internal network instead (docs/segmentation.md)"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
