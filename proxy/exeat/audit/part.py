"""One open part of a chain: append-only, locked for life, and put back to its last whole line after a failed write.

Must not know: what a line holds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

_LOCK_ATTEMPTS = 20


class Part:
    """A file that only this process appends to. ``size`` counts the bytes of whole, sealed lines. Methods raise OSError."""

    __slots__ = ("_descriptor", "path", "size")

    def __init__(self, path: Path) -> None:
        """Create the file for its owner only and lock it; the lock tells readers that its chain lives."""
        self.path = path
        self.size = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            _lock(self._descriptor)
        except OSError:
            os.close(self._descriptor)
            path.unlink()
            raise

    def write(self, line: bytes) -> None:
        """Append one whole line with one system call; the caller adds it to ``size`` once it counts."""
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def restore(self) -> None:
        """Cut off whatever a failed write left behind."""
        if os.fstat(self._descriptor).st_size > self.size:
            os.ftruncate(self._descriptor, self.size)

    def present(self, *, exact: bool) -> bool:
        """Whether the path still leads to this file and nobody cut it short, or, when ``exact``, added to it."""
        try:
            status = self.path.stat()
            same = os.path.samestat(status, os.fstat(self._descriptor))
        except OSError:
            return False
        return same and (status.st_size == self.size if exact else status.st_size >= self.size)

    def free_bytes(self) -> int:
        """What the file system would still let us write."""
        status = os.fstatvfs(self._descriptor)
        return status.f_bavail * status.f_frsize

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file and its lock."""
        os.close(self._descriptor)


def is_live(path: Path) -> bool:
    """Whether a living process still holds this part open for writing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder last; raise OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock for life. A reader that asks ``is_live`` holds a shared lock for a moment, hence the attempts."""
    for attempt in range(_LOCK_ATTEMPTS):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt == _LOCK_ATTEMPTS - 1:
                raise
            time.sleep(0.001)
    return None
