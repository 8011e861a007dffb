"""The careless authorization server of the OAuth tests: PyPI's ``authgent-server``.

It grants any audience, lets tokens live as long as it likes, and registers whoever asks. ``$RIG_AUTHGENT`` names the program, else it
is that of ``.venv-servers`` (scripts/setup-servers) or of the PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from rig.config import free_port
from rig.proxy import clean_environment

_OWN = Path(__file__).parents[3] / ".venv-servers" / "bin" / "authgent-server"


def program() -> str:
    """The program, or an empty string where there is none."""
    return os.environ.get("RIG_AUTHGENT") or (str(_OWN) if _OWN.exists() else shutil.which("authgent-server") or "")


class Authgent:
    """One running server; it trusts the keys below ``issuer`` for words about agents."""

    def __init__(self, folder: Path, issuer: str) -> None:
        self._folder, self._trusted = folder, issuer
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        kept = {key: value for key, value in clean_environment().items() if key in ("PATH", "LANG")}
        environ = kept | {
            "HOME": str(self._folder), "AUTHGENT_SERVER_URL": self.url,
            "AUTHGENT_TRUSTED_OIDC_ISSUERS": json.dumps([self._trusted]), "AUTHGENT_TRUSTED_OIDC_AUDIENCE": self.url,
        }  # fmt: skip
        with (self._folder / "authgent.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program(), "run", "--host", "127.0.0.1", "--port", str(self.port)], cwd=self._folder, env=environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._open(urllib.request.Request(f"{self.url}/health"))
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise AssertionError((self._folder / "authgent.log").read_text()[-2000:])

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)

    def register(self, *scopes: str) -> tuple[str, str]:
        """A client's id and secret; nobody is asked whether it may."""
        content = json.dumps({"name": "exeat", "owner": "tests", "allowed_scopes": list(scopes)}).encode()
        request = urllib.request.Request(f"{self.url}/agents", content, {"Content-Type": "application/json"})
        said = self._open(request)
        return said["client_id"], said["client_secret"]

    def _open(self, request: urllib.request.Request) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as answer:
            return json.load(answer)
