"""A server of another project as a process of its own, ended with the block that started it.

Must not know: what it serves.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rig.proxy import clean_environment


@contextmanager
def launched(folder: Path, port: int, *command: str, limit: float = 30, **environ: str) -> Iterator[int]:
    """Start a command, yield its port once it listens there, and end it with all it started."""
    log = folder / f"{Path(command[0]).name}-{port}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=clean_environment() | environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + limit
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{command[0]} didn't start:\n" + log.read_text(errors="replace")[-3000:])
            time.sleep(0.05)
        yield port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
