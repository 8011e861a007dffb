"""The folder, ports, certificates and tools that all targets of one run share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme

HOST = "api.example.test"
PLAIN_HOST = "plain.example.test"
KEY = "sk_live_0123456789abcdef0123456789abcdef"
INSIDE = Path(__file__).parent / "inside"
PROXY_CORE, LOAD_CORE = (0, 1) if len(os.sched_getaffinity(0)) > 1 else (0, 0)


class SkippedError(Exception):
    """A target can't run here; the message says why."""


@dataclass(frozen=True)
class Site:
    """One run's place."""

    folder: Path
    origin_plain: int
    origin_tls: int
    python: str = sys.executable
    environ: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Everything started here."""

    @classmethod
    def make(cls, folder: Path) -> Site:
        """Make the certificates: a CA for the origin and one that proxies sign their leaves with, all P-256."""
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(folder / "origin-ca.pem"))
        ca.issue_cert(HOST, "localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "origin.pem"))
        ours = trustme.CA()
        ours.cert_pem.write_to_path(str(folder / "proxy-ca.pem"))
        ours.private_key_pem.write_to_path(str(folder / "proxy-ca.key"))
        ours.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(folder / "proxy-leaf.pem"))
        items = b'{"items": [' + b", ".join(b'{"id": %d}' % number for number in range(16)) + b"]}"
        (folder / "www").mkdir()
        (folder / "www" / "items").write_bytes(items.ljust(200))
        (folder / "www" / "large").write_bytes((b'{"pad": "' + b"0123456789abcdef" * 6400)[: 100 * 1024 - 2] + b'"}')
        environ = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}
        environ.pop("SSLKEYLOGFILE", None)
        return cls(folder, free_port(), free_port(), environ=environ)

    def start(
        self, name: str, *command: str, core: int = PROXY_CORE, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process pinned to one core; what it prints goes to ``<name>.log``."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *command] if shutil.which("taskset") else list(command),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.environ, **(environ or {})},
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End everything that still runs."""
        left = [process for process in self.processes if process.poll() is None]
        for process in left:
            process.terminate()
        for process in left:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def bench_python(self, module: str) -> str:
        """Python of .venv-bench, where ``module`` is installed; raise SkippedError without it."""
        python = Path(__file__).parents[2] / ".venv-bench" / "bin" / "python"
        if not python.exists():
            raise SkippedError("not installed: run scripts/setup-bench")
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode:
            raise SkippedError(f"{module} is not in .venv-bench: run scripts/setup-bench")
        return str(python)

    def log_of(self, name: str) -> str:
        """The end of what a process printed."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
