"""A real PostgreSQL server of Debian's package, in a folder of its own, on loopback.

``initdb`` and ``pg_ctl`` refuse root, so they run as ``postgres`` then. Without ``fsync=on`` nothing waits for the disk: no
test cuts the power, and what a server has written before it is killed is there for the next one. For figures, ask for it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

PASSWORD = "pg-canary-7Q2x"
_SECONDS = 30
ALONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
"""Ends every other connection to a database."""


def binaries() -> Path | None:
    """The folder of ``initdb``: what ``RIG_POSTGRES`` names, else Debian's newest; or None."""
    if named := os.environ.get("RIG_POSTGRES"):
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def why_not() -> str:
    """What is missing, or nothing."""
    if binaries() is None:
        return "PostgreSQL is missing: apt-get install postgresql"
    if os.getuid() == 0 and not shutil.which("runuser"):
        return "runuser is missing: apt-get install util-linux"
    return ""


class Postgres:
    """One server; ``database()`` makes an empty database in it and returns its URL."""

    user = "admin"

    def __init__(self, *settings: str) -> None:
        self._bin = binaries()
        self._settings = settings
        self._numbers = itertools.count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="exeat-pg-", dir="/tmp"))
        self.data = self.folder / "data"
        self.port = _free_port()

    def __enter__(self) -> Self:
        self.folder.chmod(0o711)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        secret = self.folder / "pw"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # initdb reads it as another user
        self._run("initdb", "-D", self.data, "-U", self.user, "-A", "scram-sha-256", f"--pwfile={secret}", "-N", "-E", "UTF8",
                  "--locale=C")  # fmt: skip
        secret.unlink()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.SubprocessError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        settings = ("listen_addresses=127.0.0.1", "max_connections=60", "fsync=off", *self._settings)
        options = f"-p {self.port} -k {self.folder}" + "".join(f" -c {setting}" for setting in settings)
        self._run(
            "pg_ctl", "-D", self.data, "-w", "-t", str(_SECONDS), "-l", self.folder / "log", "-o", options, "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; ``immediate`` is as a crash: no checkpoint, recovery at the next start."""
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-t", str(_SECONDS), "stop")

    def speaks_tls(self, certificate: bytes, key: bytes) -> None:
        """From the next start on it offers TLS with this certificate."""
        for name, content in (("server.crt", certificate), ("server.key", key)):
            file = self.data / name
            file.touch(mode=0o600)
            file.write_bytes(content)
            if os.getuid() == 0:
                shutil.chown(file, "postgres", "postgres")
        self._settings = (*self._settings, "ssl=on")

    def becomes_standby(self) -> None:
        """From the next start on it only reads, until it is promoted."""
        (self.data / "standby.signal").touch()
        if os.getuid() == 0:
            shutil.chown(self.data / "standby.signal", "postgres", "postgres")

    def promote(self) -> None:
        """A standby takes over, as after a failover."""
        self._run("pg_ctl", "-D", self.data, "-w", "-t", str(_SECONDS), "promote")

    def database(self) -> str:
        """Make an empty database and return its URL. Each is 300 files: few of them, and :meth:`empty` instead."""
        name = f"exeat_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def empty(self, url: str) -> None:
        """Take everything out of a database, tables included."""
        self.sql(f"{ALONE}; DROP SCHEMA public CASCADE; CREATE SCHEMA public", url.rpartition("/")[2])

    def url(self, name: str) -> str:
        """Where a database is, with the password."""
        return f"postgresql://{self.user}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, database: str) -> str:
        """What psql prints for one statement."""
        command = [self._bin / "psql", "-h", self.folder, "-p", str(self.port), "-U", self.user, "-d", database, "-X", "-A", "-t",
                   "-v", "ON_ERROR_STOP=1", "-c", statement]  # fmt: skip
        done = subprocess.run(
            command,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    @contextlib.contextmanager
    def stopped(self):
        """All its processes stand still, as a host that is gone for a while."""
        mine = self._processes()
        for process in mine:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in mine:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def _processes(self) -> list[int]:
        main = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._bin / program), *map(str, arguments)]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        output = self.folder / "output"  # a pipe would stay open for as long as the server runs
        with output.open("wb") as file:
            done = subprocess.run(command, cwd=self.folder, stdout=file, stderr=file, timeout=_SECONDS + 5, check=False)
        if done.returncode:
            raise subprocess.SubprocessError(f"{program}: {output.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
