"""The texts that an agent can read: files below a folder, an environment, the memory of a process of one's own user.

Links aren't followed, devices and sockets aren't opened, and what is too large to be read is said. Must not know: what a secret is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LARGEST = 16 * 1024 * 1024
"""Bytes of a file; credentials aren't kept in larger ones."""
_MAPPING = 256 * 1024 * 1024
_PIECE, _OVERLAP = 8 * 1024 * 1024, 16 * 1024
_NOT_ENTERED = frozenset({"__pycache__"})
_OBJECTS = (".git", "objects")
"""Compressed: nothing could be found there. History is searched by checking it out."""


@dataclass(frozen=True, slots=True)
class Place:
    """One text and what it is called; ``skipped`` says why there is none. Memory and environments have no lines."""

    name: str
    text: bytes = b""
    skipped: str = ""
    lines: bool = True


def files(path: Path) -> Iterator[Place]:
    """A file, or every file below a folder."""
    if not path.is_dir() or path.is_symlink():
        yield _file(path)
        return
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if name not in _NOT_ENTERED and (Path(folder).name, name) != _OBJECTS)
        for name in sorted(names):
            yield _file(Path(folder) / name)


def _file(path: Path) -> Place:
    try:
        # Opened without following, blocking or being handed a terminal; what was opened is what is looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return Place(str(path), skipped="" if path.is_symlink() else error.strerror or "can't be read")
    with open(descriptor, "rb") as file:  # noqa: PTH123 a descriptor, no path
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return Place(str(path))
        if found.st_size > LARGEST:
            return Place(str(path), skipped=f"larger than {LARGEST // 1024 // 1024} MiB")
        return Place(str(path), file.read(LARGEST))


def environment(environ: Mapping[str, str], name: str = "environment") -> Iterator[Place]:
    """Every variable as ``NAME=value``."""
    for key, value in environ.items():
        yield Place(f"{name}: {key}", f"{key}={value}".encode("utf-8", "surrogateescape"), lines=False)


def process(pid: int) -> Iterator[Place]:
    """A process's environment as it was started, its arguments, and all memory that it may write to.

    Raise OSError when it isn't ours to read (ptrace(2), "Ptrace access mode checking"), or has ended.
    """
    root = Path(f"/proc/{pid}")
    pairs = (
        part.partition("=") for part in (root / "environ").read_bytes().decode("utf-8", "surrogateescape").split("\0")
    )
    yield from environment({key: value for key, equals, value in pairs if equals}, f"process {pid}")
    yield Place(f"process {pid}: arguments", (root / "cmdline").read_bytes().replace(b"\0", b" "), lines=False)
    with (root / "maps").open() as maps, (root / "mem").open("rb", 0) as memory:
        for line in maps:
            fields = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in fields[0].split("-"))
            what = fields[5].strip() if len(fields) > 5 else "anonymous"
            if not fields[1].startswith("rw"):
                continue
            name = f"process {pid}: memory at {start:#x} ({what})"
            if end - start > _MAPPING:
                yield Place(name, skipped="larger than 256 MiB", lines=False)
                continue
            for at in range(start, end, _PIECE):
                try:
                    memory.seek(at)
                    text = memory.read(min(_PIECE + _OVERLAP, end - at))
                except (OSError, ValueError):  # given back meanwhile, or the kernel's own
                    break
                yield Place(name, text, lines=False)
