"""Tokens that may be shown once: which have been, on disk before they count, so that a restart forgets none.

The file is a journal that all workers of a host write in turns, each reading first what the others have added; it outlives a
crash of a process, not a power cut. Must not know: tokens, issuers' rules.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import final

from exeat.errors import RefusalError, StartError
from exeat.files import check_private, locked, write_private
from exeat.identity.jose import invalid_token
from exeat.model.reason import Reason
from exeat.ports import Clock

_MOST = 100_000
"""Live ids: some 20 MB of memory. Beyond, no further token is taken."""
_SLACK = 1000
"""Lines of expired ones that are let lie."""
_PATIENCE = 0.02
"""Seconds that a worker may be held up by another one that writes."""
_LINE = 77  # twelve digits of a time, a space, 64 of a digest


@final
class Replays:
    """Remembers what was shown until it has expired anyway."""

    def __init__(self, file: Path, clock: Clock) -> None:
        """Read what is remembered; raise StartError when it can't be."""
        self._file = file
        self._lock = file.with_name(f".{file.name}.lock")
        self._clock = clock
        self._shown: dict[str, tuple[float, int]] = {}
        self._lines = 0
        self._read = 0, 0
        try:
            if file.exists():
                check_private(file)
            self.compact()
        except (OSError, ValueError) as error:
            fix = "mend it, or remove it when every token shown so far has expired"
            raise StartError(f"{file} can't be used: {error}", fix) from None

    def use(self, issuer: str, identifier: str, expires: float, connection: int) -> None:
        """Note that a token is shown; the connection that showed it first may show it again.

        Raise RefusalError: IDENTITY_INVALID when another connection showed it, STATE_STALE when it can't be written down.
        """
        digest = hashlib.sha256(f"{issuer}\0{identifier}".encode("utf-8", "surrogatepass")).hexdigest()
        before = self._shown.get(digest)
        if before is not None:
            if connection and before[1] == connection:
                return
            raise invalid_token("it has been shown before")
        if len(self._shown) >= _MOST:
            raise RefusalError(Reason.STATE_STALE, "too many tokens to remember")
        line = f"\n{int(expires):012d} {digest}".encode("ascii")
        try:
            with locked(self._lock, _PATIENCE):
                self._catch_up()
                if digest in self._shown:
                    raise invalid_token("it has been shown before")
                _append(self._file, line)
        except (OSError, ValueError):
            raise RefusalError(Reason.STATE_STALE, "a token can't be noted as shown") from None
        self._shown[digest] = (expires, connection)

    def compact(self) -> None:
        """Forget what has expired; the file is written anew when most of it is that. Raise OSError when it can't be."""
        with locked(self._lock, 1.0):
            self._catch_up()
            self._compact()

    def _compact(self) -> None:
        now = self._clock.time()
        self._shown = {digest: known for digest, known in self._shown.items() if known[0] > now}
        if self._lines > 2 * len(self._shown) + _SLACK:
            lines = (f"\n{int(expires):012d} {digest}" for digest, (expires, _) in self._shown.items())
            write_private(self._file, "".join(lines).encode("ascii"))
            self._lines = len(self._shown)

    def _catch_up(self) -> None:
        """Take in what was written since this process last looked: a part of the file, or a new file from its beginning."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            inode, size = (status := os.fstat(descriptor)).st_ino, status.st_size
            before = self._read[1] if self._read[0] == inode else 0
            added = os.pread(descriptor, size - before, before) if size > before else b""
        finally:
            os.close(descriptor)
        lines = added.decode("ascii").splitlines()
        for line in lines:
            if (
                len(line) == _LINE and line[13:] not in self._shown
            ):  # any other is a write that was cut off: it was refused
                self._shown[line[13:]] = (float(line[:12]), 0)
        self._lines = len(lines) + (self._lines if before else 0)
        self._read = inode, size


def _append(file: Path, line: bytes) -> None:
    """Write one line to the end; raise OSError unless all of it was taken. A cut line is ended by the next one."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError("the disk is full")
    finally:
        os.close(descriptor)
