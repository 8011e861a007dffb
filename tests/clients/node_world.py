"""Where the Node, JVM and browser clients run: one installation, one origin for all SDKs, clients as processes of their own.

The packages lie outside the checkout (``scripts/setup-node``); what isn't there is made at first use, and where it can't be
made the tests say what is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from node_sites import SdkOrigin, describe
from rig.certs import Authority
from rig.config import Config
from rig.origin import Origin
from rig.proxy import Exeat

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SIZE = 8 * 1024 * 1024
"""Bytes of a large upload."""


def node_packages() -> Path:
    """The folder with the Node clients, made if need be; skip with what is missing otherwise."""
    done = subprocess.run([str(ROOT / "scripts" / "setup-node")], capture_output=True, text=True, timeout=280)
    if done.returncode:
        pytest.skip(f"the Node clients can't be set up: {done.stderr.strip()[-300:]}")
    return Path(done.stdout.strip())


def need(*commands: str) -> None:
    """Skip unless these commands are there; say which Debian package brings them."""
    packages = {"java": "default-jre-headless", "chromium": "chromium", "certutil": "libnss3-tools"}
    if missing := [command for command in commands if not shutil.which(command)]:
        pytest.skip("missing: " + ", ".join(f"{name} (Debian: {packages[name]})" for name in missing))


@dataclass(frozen=True)
class Ran:
    """How a client's process ended. ``said`` is the JSON line our scripts print, ``text`` all that a caller could read."""

    code: int
    text: str
    said: dict[str, Any]


class World:
    """Installation and origins; ``begin`` gives a fresh mission with all memories wiped."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.origin = SdkOrigin(authority)
        self.expired = Origin(authority, "*.example.test", expired=True)
        self.decoy = Origin(authority, "*.example.test")
        self._authority = authority
        self.mission: dict[str, Any] = {}

    def __enter__(self) -> World:
        for origin in (self.origin, self.expired, self.decoy):
            origin.__enter__()
        config = Config(self.origin, self._authority.file, self.decoy)
        describe(config, self.origin, self.expired)
        (home := self.folder / "exeat").mkdir()
        self.exeat = Exeat(home, config).start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if hasattr(self, "exeat"):
                self.exeat.stop()
        finally:
            for origin in (self.origin, self.expired, self.decoy):
                origin.__exit__()

    def begin(self, **fields: Any) -> dict[str, Any]:
        """Open a mission and forget everything seen before."""
        for origin in (self.origin, self.expired, self.decoy):
            origin.wait_quiet(0.02)
            origin.clear()
        self.mission = self.exeat.open(**fields)
        return self.mission

    def environment(self, *, identity: bool = True, **more: str) -> dict[str, str]:
        """What opening the mission returned, and nothing of this process but PATH; ``identity=False`` takes the pass out."""
        given: dict[str, str] = dict(self.mission["env"])
        if not identity:
            given = {name: re.sub(r"//[^@/]*@", "//", value) if "proxy" in name.lower() else value for name, value in given.items()}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "NO_COLOR": "1"} | given | more

    def run(self, argv: list[str], folder: Path, environ: dict[str, str], limit: float = 40) -> Ran:
        """Run a client to its end, or end it after ``limit`` seconds with all it started."""
        process = subprocess.Popen(
            argv, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err += b"\n(ended by the test: too slow)"
        lines = out.decode(errors="replace").splitlines()
        said = orjson.loads(lines[-1]) if lines and lines[-1].startswith('{"ok":') else {}
        return Ran(process.returncode, out.decode(errors="replace") + err.decode(errors="replace"), said)

    def decisions(self, expected: int = 1, limit: float = 3.0) -> list[dict[str, Any]]:
        """Decisions recorded for this mission, in order; waits a little for as many as ``expected``."""
        deadline = time.monotonic() + limit
        while True:
            found = [record for record in self.exeat.audit_records("decision") if self.mission["mission"] in orjson.dumps(record).decode()]
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            time.sleep(0.05)
