"""One process at a time serves from a SQLite file: a lock beside it, which ends with its holder however that ends.

Must not know: what is served.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from exeat.errors import StartError


def hold(database: Path) -> Callable[[], None]:
    """Take the lock of a database file and return how to let it go; raise StartError while another process has it."""
    file = database.with_name(f"{database.name}.serving")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"{file} can't be opened: {error.strerror}", "let the user who runs exeat write there"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StartError(
            f"another process serves from {database}",
            "stop it, or use workers for more processes and PostgreSQL for more hosts",
        ) from None
    return lambda: os.close(descriptor)
