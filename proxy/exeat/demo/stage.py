"""The stage: one temporary folder, the processes in it, and their certain end.

Must not know: the story, how anything is shown.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

import orjson

from exeat.demo import legacy_bot
from exeat.demo.certificates import write_certificates
from exeat.demo.reports import Reports, StageError
from exeat.demo.settings import HOST, write_settings

Process = subprocess.Popen[str]


def free_port() -> int:
    """Return a port of this machine that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without proxies, key logs and settings of ours."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.lower().endswith("_proxy") and not key.startswith("EXEAT_") and key != "SSLKEYLOGFILE"
    }
    return kept | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"} | more


class Stage:
    """Use as a context manager: leaving it ends every process and removes the folder, whatever happened."""

    folder: Path
    ca_file: Path
    settings: Path
    saas: Reports
    saas_port: int

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.proxy_port, self.admin_port = free_port(), free_port()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="exeat-demo-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_saas(self) -> None:
        """Start the SaaS and write the settings that lead to it."""
        self.ca_file, certificate = write_certificates(self.folder, HOST)
        jwks = f"http://127.0.0.1:{self.admin_port}/.well-known/jwks.json"
        arguments = ("-m", "exeat.demo.saas", str(certificate), jwks, f"https://{HOST}")
        env = environment(ACME_KEY=legacy_bot.API_KEY)
        log = self._stack.enter_context((self.folder / "saas.log").open("w", encoding="utf-8"))
        self.saas = Reports(self._spawn(*arguments, env=env, stdin=subprocess.PIPE, stderr=log))
        ready = self.saas.next("ready", 15)
        self.saas_port = ready["port"]
        self.settings = write_settings(
            self.folder, proxy=self.proxy_port, admin=self.admin_port, saas=ready["port"], elsewhere=ready["elsewhere"]
        )

    def start_proxy(self) -> None:
        """Start ``exeat serve`` and return once it is ready; raise StageError with its log otherwise."""
        log = self._stack.enter_context((self.folder / "serve.log").open("w", encoding="utf-8"))
        arguments = ("-m", "exeat.cli.main", "serve", "-c", str(self.settings))
        serving = self._spawn(*arguments, env=environment(ACME_KEY=legacy_bot.API_KEY), stdout=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and serving.poll() is None:
            try:
                if self.admin("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise StageError("exeat serve did not start:\n" + (self.folder / "serve.log").read_text("utf-8"))

    def start_bot(self, chore: str, mission: dict[str, Any]) -> Process:
        """Start the legacy bot, unchanged, in the environment that opening the mission returned."""
        return self._spawn(str(Path(legacy_bot.__file__)), chore, env=environment(**mission["env"]))

    def bot(self, chore: str, mission: dict[str, Any]) -> str:
        """Let the bot do one chore; return what it printed."""
        output, _ = self.start_bot(chore, mission).communicate(timeout=20)
        return output.strip()

    def exeat(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one verb of the command line."""
        return subprocess.run(  # noqa: S603 this very Python, arguments of ours
            [sys.executable, "-m", "exeat.cli.main", *arguments],
            cwd=self.folder, env=environment(), text=True, capture_output=True, timeout=30, check=False,
        )  # fmt: skip

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None, token: str = "") -> tuple[int, Any]:
        """Call the admin API; return status and JSON. Raise OSError when it can't be reached."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else orjson.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, orjson.loads(content) if content.startswith((b"{", b"[")) else content
        finally:
            connection.close()

    def _spawn(
        self, *arguments: str, env: dict[str, str], stdin: int = subprocess.DEVNULL,
        stdout: int | IO[str] = subprocess.PIPE, stderr: int | IO[str] = subprocess.STDOUT,
    ) -> Process:  # fmt: skip
        process = subprocess.Popen(  # noqa: S603 this very Python, arguments of ours
            [sys.executable, *arguments],
            cwd=self.folder, env=env, text=True, stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip
        self._stack.callback(_end, process)
        return process


def _end(process: Process) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
