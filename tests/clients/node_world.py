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
from typing import Any, Self

import orjson
import pytest
from matrix_node import NPM, PROGRAMS, STRAY
from node_sites import KEYS, REGISTRY, SdkOrigin, describe

from rig.certs import Authority
from rig.config import SHARED_KEY, Config
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


class Programs:
    """What the cells run, laid out in a folder: our scripts beside the packages, an npm package to publish, the compiled Java client."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.packages = folder, node_packages()
        for file in (HERE / "node").glob("*.mjs"):
            shutil.copy(file, folder)
        (folder / "node_modules").symlink_to(self.packages / "node_modules")
        self._npm = folder / "npm"
        (large := self._npm / "large").mkdir(parents=True)
        (large / "package.json").write_text('{"name": "large", "version": "1.0.0"}')
        (large / "data.bin").write_bytes(os.urandom(SIZE))
        (self._npm / "package.json").write_text("{}")  # else npm takes the folder above for the project
        (self._npm / ".npmrc").write_text(
            f"registry=https://{REGISTRY}/\n//{REGISTRY}/:_authToken=${{NPM_TOKEN}}\n"
            "//expired-registry.example.test/:_authToken=${NPM_TOKEN}\n"
            "fetch-retries=0\nupdate-notifier=false\naudit=false\nfund=false\n"
        )
        self._java = folder / "java"

    def command(self, name: str, cell: str) -> tuple[list[str], Path]:
        """The argument vector that takes a client through a cell, and the folder to run it in."""
        kind, what = PROGRAMS.get(name) or STRAY[name]
        if name == "chromium":
            need("chromium", "certutil")
        if kind == "java":
            return ["java", "-XX:TieredStopAtLevel=1", "-cp", str(self._compiled()), "Use", what, cell], self.folder
        modules = self.packages / "node_modules"
        node = str(modules / f"node-{kind}" / "bin" / "node")
        if what == "npm":
            return [node, str(modules / "npm" / "bin" / "npm-cli.js"), *NPM[cell]], self._npm
        script, *more = what.split()
        return [node, script, cell, *more], self.folder

    def _compiled(self) -> Path:
        need("java")
        if not self._java.exists():
            compiler = ["java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", str(self._java)]
            subprocess.run([*compiler, str(HERE / "java" / "Use.java")], check=True, timeout=60)
        return self._java


def trust_in_browser(home: Path, ca_file: str) -> None:
    """Put a certificate into the NSS database of a HOME, once: Chromium's own checks then stay on."""
    store = home / ".pki" / "nssdb"
    if store.exists():
        return
    store.mkdir(parents=True)
    for arguments in (("-N", "--empty-password"), ("-A", "-t", "C,,", "-n", "exeat", "-i", ca_file)):
        subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True, timeout=20)


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

    @classmethod
    def of(cls, argv: list[str], folder: Path, environ: dict[str, str], limit: float = 40) -> Self:
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
        return cls(process.returncode, out.decode(errors="replace") + err.decode(errors="replace"), said)


class World:
    """Installation and origins; ``begin`` gives a fresh mission with all memories wiped."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.origin = SdkOrigin(authority)
        self.expired = Origin(authority, "*.example.test", expired=True)
        self.decoy = Origin(authority, "*.example.test")
        self._authority = authority
        self.mission: dict[str, Any] = {}

    def __enter__(self) -> Self:
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
        self._before = len(self.exeat.audit_records())
        return self.mission

    def environment(self, *, identity: bool = True, **more: str) -> dict[str, str]:
        """What opening the mission returned, and nothing of this process but PATH; ``identity=False`` takes the pass out."""
        given: dict[str, str] = dict(self.mission["env"])
        if not identity:
            given = {
                name: re.sub(r"//[^@/]*@", "//", value) if "proxy" in name.lower() else value
                for name, value in given.items()
            }
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "NO_COLOR": "1"} | given | more

    def run(self, argv: list[str], folder: Path, environ: dict[str, str]) -> Ran:
        """Run a client to its end."""
        return Ran.of(argv, folder, environ)

    def records(self, kind: str, expected: int, limit: float = 3.0) -> list[dict[str, Any]]:
        """Records of one kind since ``begin``, in order; waits a little for as many as ``expected``."""
        deadline = time.monotonic() + limit
        while True:
            found = [record for record in self.exeat.audit_records()[self._before :] if record["kind"] == kind]
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def refusals(self, expected: int = 1) -> list[dict[str, Any]]:
        """What was refused since ``begin``: decisions to deny, and permits whose origin then couldn't be trusted."""
        decided = self.records("decision", expected)
        broken = {record["decision_id"]: record["code"] for record in self.records("outcome", len(decided))}
        told = [record | {"code": record["code"] or broken.get(record["decision_id"], "")} for record in decided]
        return [record for record in told if record["code"]]

    def check_what_was_written(self) -> None:
        """After it has stopped: no key anywhere, no stack trace, an audit that verifies, each decision with its outcome."""
        written = self.exeat.everything_written()
        assert not [key for key in (*KEYS.values(), SHARED_KEY) if key.encode() in written]
        log = self.exeat.log_text()
        assert "Traceback" not in log, log[-6000:]
        verified = self.exeat.cli("audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        decided = sorted(record["decision_id"] for record in self.exeat.audit_records("decision"))
        assert sorted(record["decision_id"] for record in self.exeat.audit_records("outcome")) == decided
