"""Exeat as a user runs it: a folder, ``exeat serve`` in a process of its own, the admin API and the command line.

``RIG_EXEAT`` replaces the command (default: this Python with ``-m exeat.cli.main``), so that a whole run can use
``python -O`` or a launcher that takes a guard away.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from rig.config import SHARED_KEY, Config

COMMAND = shlex.split(os.environ.get("RIG_EXEAT", "")) or [sys.executable, "-m", "exeat.cli.main"]


def clean_environment() -> dict[str, str]:
    """This process's environment without proxies, key logs and settings of ours."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.lower().endswith("_proxy") and not key.startswith("EXEAT_") and key != "SSLKEYLOGFILE"
    }


@dataclass(frozen=True)
class Answer:
    """What the admin API said."""

    status: int
    headers: dict[str, str]
    body: Any

    def ok(self) -> Any:
        """The body, or a failure that shows it."""
        assert self.status < 300, (self.status, self.body)
        return self.body


class Exeat:
    """One installation; ``start`` serves it, ``stop`` or ``kill`` ends it, the folder stays."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config = folder, config
        self.port, self.admin_port = config.port, config.admin_port
        self.file = config.write(folder)
        self.log = folder / "serve.log"
        self.audit = folder / config.tables["audit"]["path"]
        self.process: subprocess.Popen[bytes] | None = None
        self.lossy = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()

    # --- the process -----------------------------------------------------------------------------------------

    def spawn(self, **environ: str) -> subprocess.Popen[bytes]:
        """Start ``serve`` without waiting for it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.config.launcher, *COMMAND, "serve", "-c", str(self.file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=clean_environment() | self.config.environ | environ,
            )  # fmt: skip
        return self.process

    def start(self, **environ: str) -> Self:
        """Serve, and return once the proxy and the admin port answer."""
        self.spawn(**environ)
        return self.await_up()

    def await_up(self) -> Self:
        """Return once the spawned process answers on both ports."""
        process = self.process
        assert process is not None
        deadline = time.monotonic() + 60  # on a busy machine Python alone takes long to begin
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self.admin("GET", "/healthz", token=None).status == 200:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"exeat serve didn't come up (exit {process.returncode}):\n{self.log_text()}")

    def stop(self, limit: float = 15) -> int:
        """Ask it to end (SIGTERM); kill it when it doesn't within ``limit``. Return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"exeat serve ignored SIGTERM for {limit} s:\n{self.log_text()}") from None
        return self.process.returncode

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None and self.process.poll() is None:
            self.lossy = True
            self.process.kill()
            self.process.wait(5)

    def log_text(self) -> str:
        """What serve wrote so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def memory(self) -> int:
        """Resident bytes of the serving process (its highest so far)."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

    def cli(self, *arguments: str, limit: float = 30, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; the configuration is passed as a user in that folder would have it."""
        return subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, text=True, capture_output=True, timeout=limit,
            stdin=subprocess.DEVNULL, env=clean_environment() | {"EXEAT_CONFIG": str(self.file), "NO_COLOR": "1"} | environ,
        )  # fmt: skip

    # --- the control plane -----------------------------------------------------------------------------------

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def jwks_url(self) -> str:
        return f"{self.admin_url}/.well-known/jwks.json"

    def token(self) -> str:
        """The admin token, as its owner reads it."""
        return (self.folder / "admin.token").read_text().strip()

    def admin(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
        limit: float = 15,
    ) -> Answer:
        """One call of the admin API; ``token=None`` leaves authentication out."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token()}")
        payload = None
        if body is not None:
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=limit)
        try:
            connection.request(method, path, payload, sent)
            answer = connection.getresponse()
            kind = answer.headers.get_content_type()
            text = b"" if kind == "text/event-stream" else answer.read()  # that one has no end
            parsed = orjson.loads(text) if text and kind.endswith("json") else text.decode(errors="replace")
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, parsed)
        finally:
            connection.close()

    def open(self, template: str = "refunds", agent: str = "invoice-bot", **fields: Any) -> dict[str, Any]:
        """Open a mission; the answer as DESIGN §7 lists it."""
        answer: dict[str, Any] = self.admin(
            "POST", "/v1/missions", {"template": template, "agents": [agent], **fields}
        ).ok()
        return answer

    def end(self, mission: dict[str, Any], verb: str = "revoke") -> Any:
        """Close, revoke, suspend or resume; returns when the API does."""
        return self.admin("POST", f"/v1/missions/{mission['mission']}/{verb}", {"reason": "test"}).ok()

    # --- what it wrote ---------------------------------------------------------------------------------------

    def audit_records(self, kind: str = "", **fields: Any) -> list[dict[str, Any]]:
        """Records in file order, those of one kind and with these values.

        An outcome is written when an answer has ended, which a client may notice first: no outcome yet is asked again.
        """
        deadline = time.monotonic() + (0.5 if kind == "outcome" else 0)
        while not (found := self._records(kind, fields)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def _records(self, kind: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        records = [
            orjson.loads(line)
            for file in sorted(self.audit.rglob("*.jsonl"))
            for line in file.read_bytes().splitlines()
        ]
        return [
            record
            for record in records
            if (not kind or record["kind"] == kind) and all(record.get(key) == value for key, value in fields.items())
        ]

    def everything_written(self) -> bytes:
        """Log and audit, to search for canaries."""
        files = [self.log, *self.audit.rglob("*")]
        return b"\n".join(file.read_bytes() for file in files if file.is_file())


def check_what_was_written(exeat: Exeat) -> None:
    """No key, no stack trace, an audit that verifies; and, unless it was killed or its disk was full, no open account."""
    assert SHARED_KEY.encode() not in exeat.everything_written(), "the shared key was written down"
    assert "Traceback" not in exeat.log_text(), exeat.log_text()[-6000:]
    verified = exeat.cli("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    if not exeat.lossy and "RIG_INSIDE" not in exeat.config.environ:
        decided = [record["decision_id"] for record in exeat.audit_records("decision")]
        ended = [record["decision_id"] for record in exeat.audit_records("outcome")]
        assert sorted(ended) == sorted(decided), "decisions and outcomes don't match"
