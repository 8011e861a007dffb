"""Real servers in one process of ``.venv-clients``: git's http-backend, websockets, grpcio and mcp, each behind TLS."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import orjson

from rig.certs import Authority
from rig.proxy import clean_environment

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-clients" / "bin" / "python"


class RealServers:
    """``ports`` by host label; ``seen`` is what they wrote down about requests since ``clear``."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._log, self._folder, self._errors = (
            folder / "servers.jsonl",
            folder / "repositories",
            folder / "servers.log",
        )
        leaf = authority._ca.issue_cert("*.example.test")
        self._pem = folder / "servers.pem"
        chain = b"".join(part.bytes() for part in leaf.cert_chain_pems)
        self._pem.write_bytes(leaf.private_key_pem.bytes() + chain)
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0

    def start(self, limit: float = 30) -> None:
        """Start, and return once all of them listen."""
        self._log.touch()
        ready = self._folder.with_name("servers.ready")
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [str(PYTHON), str(HERE / "servers" / "serve_all.py"), str(self._pem), str(self._folder), str(self._log),
                 str(ready)],
                env=clean_environment(), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + limit
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError("the servers didn't start:\n" + self._errors.read_text())
            time.sleep(0.05)
        self.ports = orjson.loads(ready.read_bytes())

    def stop(self) -> None:
        """End them and everything they started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)

    def clear(self) -> None:
        """Forget what was seen."""
        self._from = self._log.stat().st_size

    def seen(self) -> list[dict[str, Any]]:
        """Requests since ``clear``."""
        return [orjson.loads(line) for line in self._log.read_bytes()[self._from :].splitlines()]
