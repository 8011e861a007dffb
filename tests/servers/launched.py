"""Servers of other projects as processes of their own, ended with the block that started them.

Must not know: what it serves.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

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


class Launched(ABC):
    """A server that can be stopped and started again, and be made to say nothing; ``called`` is what a failure names."""

    called: str
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> Self:
        """Start it, and wait until it answers."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves by now; an OSError is a no."""

    def spawn(self, command: Sequence[str], folder: Path, log: Path, environ: Mapping[str, str], limit: float) -> Self:
        """Run a command in a folder, with just this environment, and return once it answers."""
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError):
                if self.answers():
                    return self
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"{self.called} didn't come up:\n{log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it at once, with all that it held."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)

    def freeze(self, frozen: bool) -> None:
        """Let it accept and answer nothing, or go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)
