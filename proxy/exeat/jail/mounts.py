"""The jail's view of the files: its own /proc, no sockets of others, none of Exeat's secrets.

A network namespace holds abstract Unix sockets but not those that are files: a container engine's, D-Bus, a resolver's.
/run is empty inside, and every such socket that exists elsewhere when the jail starts is covered. Must not know: networks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from exeat.jail.kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC, mount

_PLAIN = MS_NOSUID | MS_NODEV | MS_NOEXEC
_TMPFS = "mode=0755,size=16m"


def socket_files() -> list[str]:
    """Every Unix socket of this network namespace that is a file; call it before leaving."""
    lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    named = (line.split(maxsplit=7) for line in lines)
    return sorted({fields[7] for fields in named if len(fields) == 8 and fields[7].startswith("/")})


def isolate(
    sockets: Iterable[str], hidden: Sequence[str], shown: Sequence[str], name: str, user: tuple[int, int]
) -> None:
    """Build the view; needs the mount and process namespaces to be new. Raise OSError.

    ``hidden`` files and folders are there but empty; of the folders' files those in ``shown`` keep their content.
    ``name`` becomes 127.0.0.1. ``user`` gets an empty runtime folder.
    """
    here = Path.cwd()
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc", _PLAIN)
    for path in hidden:
        _hide(Path(path), [Path(each) for each in shown])
    for folder in dict.fromkeys(Path(each).resolve() for each in ("/run", "/var/run")):
        if folder.is_dir():
            _empty(folder)
    runtime = Path("/run/user", str(user[0]))
    runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chown(runtime, *user)
    for path in sockets:
        _cover_socket(path)
    if name:
        hosts = Path("/run/hosts")
        hosts.write_text(f"127.0.0.1 localhost {name}\n::1 localhost\n")
        mount(str(hosts), str(Path("/etc/hosts").resolve()), flags=MS_BIND)
    os.chdir(here)  # by its path: the folder held until now may lie under a mount, and lead around it


def _hide(path: Path, shown: Sequence[Path]) -> None:
    if path.is_dir():
        kept = {each.name: each.read_bytes() for each in shown if each.parent == path and each.is_file()}
        mount("tmpfs", str(path), "tmpfs", _PLAIN, _TMPFS)
        for name, content in kept.items():
            (path / name).write_bytes(content)
            (path / name).chmod(0o444)
    elif path.exists():
        mount("/dev/null", str(path), flags=MS_BIND)


def _empty(folder: Path) -> None:
    """An empty folder but for links to elsewhere: some systems keep the way to every program there."""
    links = {entry.name: entry.readlink() for entry in folder.iterdir() if entry.is_symlink()}
    mount("tmpfs", str(folder), "tmpfs", MS_NOSUID | MS_NODEV, _TMPFS)
    for name, target in links.items():
        (folder / name).symlink_to(target)


def _cover_socket(path: str) -> None:
    try:
        if Path(path).is_socket() and not Path(path).is_symlink():
            mount("/dev/null", path, flags=MS_BIND)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # gone, or not to be reached from here either
