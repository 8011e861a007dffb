"""Files that only their owner may read: keys, tokens, the store.

Must not know: what is in them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from exeat.errors import StartError


def private_folder(path: Path) -> Path:
    """Create a folder for its owner only, or check that an existing one is; raise StartError otherwise."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o022:
        raise StartError(f"{path} can be written by others", f"chmod 700 {path}")
    return path


def check_private(path: Path) -> None:
    """Raise StartError when a file is readable or writable by anybody but its owner, or isn't ours."""
    status = path.stat()
    if status.st_mode & 0o077:
        raise StartError(f"{path} can be read by others ({stat.filemode(status.st_mode)})", f"chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise StartError(f"{path} belongs to user {status.st_uid}", f"chown {os.geteuid()} {path}")


def read_private(path: Path) -> bytes:
    """Return the content of a file that only its owner can read; raise StartError with the fix otherwise."""
    try:
        check_private(path)
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"{path} can't be read: {error.strerror}", "run exeat as the user who owns it") from error


def write_private(path: Path, content: bytes) -> None:
    """Write a file at once and for its owner only: never half a file, never a moment at which others can read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_or_create(path: Path, create: Callable[[], bytes]) -> bytes:
    """Return a private file's content, made with ``create`` when there is none yet."""
    if not path.exists():
        private_folder(path.parent)
        with locked(path.parent / ".lock"):  # of two that start at once, one makes it
            if not path.exists():
                write_private(path, create())
    return read_private(path)


@contextlib.contextmanager
def locked(path: Path, seconds: float | None = None) -> Iterator[None]:
    """Hold a file's lock among processes meanwhile, waiting for it for so long (None: for good).

    Raise OSError when it can't be had.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if seconds is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _lock(descriptor, time.monotonic() + seconds)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.0002)
        else:
            return
