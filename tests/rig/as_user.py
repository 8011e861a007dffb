"""Run a command as a user without any privilege, who can still reach this Python and this clone.

    python as_user.py UID [--read-only] COMMAND…        # UID 0: stay root, and let the command's children be such users

``--read-only``: everything but the working folder is.

Root's home is closed to others and may hold both: in a mount namespace of its own each closed folder becomes an open one
in which only they stand. Must not know: what is run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "proxy"))

from exeat.jail.kernel import MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, mount  # noqa: E402


def closed(path: Path) -> Path | None:
    """The topmost folder above a path that others can't pass through."""
    return next((each for each in reversed(path.parents) if not each.stat().st_mode & 0o001), None)


def needed() -> list[Path]:
    venv = Path(sys.prefix)
    return list(dict.fromkeys(p.resolve() for p in (Path(sys.base_prefix), venv, ROOT, Path.cwd())))


def open_up() -> None:
    """Make what is needed reachable, in this process and its children only."""
    os.unshare(os.CLONE_NEWNS)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    held = [(path, wall, os.open(path, os.O_PATH)) for path in needed() if (wall := closed(path))]
    for wall in {wall for _, wall, _ in held}:
        mount("tmpfs", str(wall), "tmpfs", 0, "mode=0755")
    for path, _, descriptor in held:
        if not path.exists():
            path.mkdir(parents=True)
            mount(f"/proc/self/fd/{descriptor}", str(path), flags=MS_BIND | MS_REC)
        os.close(descriptor)


def seal() -> None:
    """Make every mount read-only but the working folder and what isn't a disk."""
    here = str(Path.cwd())
    mount(here, here, flags=MS_BIND)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in points:
        if point != here and not point.startswith(("/proc", "/sys", "/dev")):
            mount("none", point, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


if __name__ == "__main__":
    user, command = int(sys.argv[1]), sys.argv[2:]
    here = Path.cwd()
    open_up()
    os.chdir(here)
    if command[0] == "--read-only":
        command = command[1:]
        seal()
        os.chdir(here)
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.execvp(command[0], command)
