"""The world of the client matrix: one installation, origins for SDKs, real servers, and clients as processes of their own.

Hosts: ``api`` (everything that shows a bearer key), ``rogue`` (a certificate nobody trusts), ``evil`` (in no mission; the
decoy counts what reaches it), ``s3`` and ``pypi`` (our origin), ``git``, ``ws``, ``mcp``, ``grpc`` (real servers).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from client_origin import ServiceOrigin, payload
from client_sites import describe
from real_servers import RealServers

from matrix import Client
from rig.certs import Authority
from rig.config import Config
from rig.origin import Origin
from rig.proxy import Exeat, clean_environment

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"


@dataclass(frozen=True)
class Ran:
    """What a client's process said. ``text`` is all its caller could read."""

    code: int
    text: str

    @property
    def answered(self) -> bool:
        """The client reports success."""
        return "ANSWERED 2" in self.text


class World:
    """Everything that the cells need; made once a module."""

    def __init__(self, folder: Path, authority: Authority, rogue: Authority) -> None:
        self.folder = folder
        self.origin = ServiceOrigin(authority, "*.example.test")
        self.rogue = Origin(rogue, "*.example.test")
        self.decoy = Origin(authority, "*.example.test")
        self.servers = RealServers(folder, authority)
        self._authority = authority
        self.upload = folder / "upload.bin"
        self.exeat: Exeat
        self.mission: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.__exit__()
            raise

    def _start(self) -> Self:
        self.upload.write_bytes(payload())
        for origin in (self.origin, self.rogue, self.decoy):
            origin.__enter__()
        self.servers.start()
        config = Config(self.origin, self._authority.file, self.decoy)
        describe(config, self.origin, self.rogue, self.servers.ports)
        (home := self.folder / "exeat").mkdir()
        self.exeat = Exeat(home, config).start()
        self.origin.require_jwt(self.exeat.jwks_url, "https://api.example.test")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if hasattr(self, "exeat"):
                self.exeat.stop()
        finally:
            self.servers.stop()
            for origin in (self.origin, self.rogue, self.decoy):
                origin.__exit__()

    # --- one cell --------------------------------------------------------------------------------------------

    def begin(self, **fields: Any) -> dict[str, Any]:
        """A fresh mission, all memories wiped."""
        for origin in (self.origin, self.rogue, self.decoy):
            origin.wait_quiet(0.02)
            origin.clear()
        self.servers.clear()
        self._before = len(self.exeat.audit_records())
        self.mission = self.exeat.open(**fields)
        return self.mission

    def environment(self, cell: str, mission: dict[str, Any] | None = None) -> dict[str, str]:
        """Exactly what opening the mission returned, on top of a clean environment; without its pass for ``no_identity``."""
        given = dict((mission or self.mission)["env"])
        if cell == "no_identity":
            proxies = {name for name in given if name.lower() in ("http_proxy", "https_proxy")}
            given |= {name: _without_pass(given[name]) for name in proxies}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        plain = {name: value for name, value in clean_environment().items() if name not in given}
        return (
            plain
            | {"HOME": str(home), "CELL_UPLOAD": str(self.upload), "CELL_BIN": str(PYTHON.parent), "PYTHONUTF8": "1"}
            | given
        )

    def run(self, argv: list[str], environ: dict[str, str], folder: Path | None = None, limit: float = 40) -> Ran:
        """Run a client to its end, or end it after ``limit`` seconds with all it started."""
        process = subprocess.Popen(
            argv, env=environ, cwd=folder or self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            return Ran(-9, said.decode(errors="replace") + "\n(ended by the test: too slow)")
        return Ran(process.returncode, said.decode(errors="replace"))

    def decisions(self, expected: int = 1) -> list[dict[str, Any]]:
        """Decisions recorded since ``begin``, in order; waits a little for as many as ``expected``."""
        return self._records("decision", expected)

    def outcomes(self, expected: int = 1) -> list[dict[str, Any]]:
        """Outcomes recorded since ``begin``; waits a little for as many as ``expected``."""
        return self._records("outcome", expected)

    def _records(self, kind: str, expected: int, limit: float = 3.0) -> list[dict[str, Any]]:
        deadline = time.monotonic() + limit
        while True:
            records = self.exeat.audit_records()[self._before :]
            found = [record for record in records if record["kind"] == kind]
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def seen(self) -> list[dict[str, Any]]:
        """Requests that reached an allowed origin since ``begin``, as method, path, connection and header fields."""
        ours = [
            {"method": seen.method, "path": seen.target, "connection": id(seen.connection), "headers": seen.headers,
             "length": seen.length, "sha256": seen.sha256, "claims": seen.claims}
            for seen in self.origin.requests
        ]  # fmt: skip
        return ours + self.servers.seen()

    def dialled_nobody(self) -> None:
        """Neither the decoy nor any origin got a connection."""
        assert not self.decoy.connections, "the decoy was reached"
        assert not self.seen(), self.seen()


def _without_pass(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.hostname}:{parts.port}"))


def script(client: Client, cell: str) -> list[str]:
    """The command that takes a client of ours through a cell."""
    shell = HERE / "scripts" / f"use_{client.name}.sh"
    if shell.exists():
        return ["bash", str(shell), cell]
    name = client.name.removesuffix("_h2")
    arguments = ["h2"] if client.name != name else []
    return [str(PYTHON), str(HERE / "scripts" / f"use_{name}.py"), cell, *arguments]
