"""The authorization server of the token exchange tests: npm's ``oidc-provider``.

Its packages, among them the Node that it supports, are installed once into ``$EXEAT_TEST_CACHE`` (default
``~/.cache/exeat-tests``), never into the repository. Any npm will do for that.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

import requests

from rig.config import free_port
from rig.proxy import clean_environment
from servers.launched import Launched

HERE = Path(__file__).parent
CLIENT_SECRET = "oidc+client/secret canary 7c1e"
"""Of the client ``exeat``; with characters that show whether it is encoded as RFC 6749 §2.3.1 says."""


def missing() -> str:
    """Why the server can't be started here, or an empty string."""
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not installed (Debian: nodejs npm)" if absent else ""


def node() -> str:
    """The installed Node, or the system's where there is none for this machine."""
    own = installed() / "node_modules" / "node-24" / "bin" / "node"
    return str(own) if own.exists() else "node"


def installed() -> Path:
    """The folder with the server and its packages, made at the first call; safe among parallel test processes."""
    files = [HERE / name for name in ("package.json", "package-lock.json", "server.mjs", "login.mjs")]
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]
    cache = Path(os.environ.get("EXEAT_TEST_CACHE") or Path.home() / ".cache" / "exeat-tests")
    folder = cache / f"oidc-{digest}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="oidc-", dir=cache))
        for file in files:
            shutil.copy(file, made)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=made, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        try:
            made.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(made)
    return folder


class OidcServer(Launched):
    """One running server; ``trusted`` maps the issuers of subject tokens to their JWK sets."""

    program = "server.mjs"

    called = "the authorization server"

    def __init__(self, trusted: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._trusted, self._folder = trusted, folder
        self.environ: dict[str, str] = {}

    @property
    def log(self) -> Path:
        return self._folder / "oidc.log"

    def start(self) -> Self:
        """Start it and wait until it answers; it keeps its port over restarts, but not its keys and tokens."""
        kept = {key: value for key, value in clean_environment().items() if key in ("PATH", "LANG")}
        environ = kept | {
            "HOME": str(self._folder), "TRUSTED": json.dumps(self._trusted), "CLIENT_SECRET": CLIENT_SECRET,
            "CLIENT_JWKS": next(iter(self._trusted.values()), ""), "NODE_NO_WARNINGS": "1",
        } | self.environ  # fmt: skip
        command = [node(), str(installed() / self.program), str(self.port)]
        return self.spawn(command, self._folder, self.log, environ, 20)

    def answers(self) -> bool:
        """It describes itself."""
        return bool(self.call("/.well-known/openid-configuration"))

    def call(self, path: str, form: dict[str, str] | None = None, client: str = "", secret: str = "") -> dict[str, Any]:
        """One call as a client of it; errors are answers too."""
        headers = {}
        if client:
            pair = f"{urllib.parse.quote_plus(client)}:{urllib.parse.quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        data = None if form is None else urllib.parse.urlencode(form).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.issuer + path, data, headers), timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return {"status": error.code, **json.load(error)}

    def authorize(self, resource: str, client: str = "exeat-client") -> str:
        """The first refresh token, as if somebody had logged in and agreed."""
        form = {"grant_type": "urn:test:authorize", "resource": resource}
        said = self.call("/token", form, client, CLIENT_SECRET)
        assert "refresh_token" in said, said
        return said["refresh_token"]

    def introspect(self, token: str) -> dict[str, Any]:
        """What the server says of a token to the origin that received it (RFC 7662)."""
        return self.call("/token/introspection", {"token": token}, "origin", "origin-secret")


class LoginServer(OidcServer):
    """An OpenID provider where people log in; on ``localhost``, so that its cookies aren't those of ``127.0.0.1``."""

    program = "login.mjs"

    def __init__(self, redirect: str, folder: Path, **environ: str) -> None:
        super().__init__({}, folder)
        self.issuer = f"http://localhost:{self.port}"
        self.environ = {"REDIRECT": redirect, **environ}

    def browse(self, person: str, url: str, redirect: str) -> str:
        """Do at the provider what a person's browser does; return where it sends the browser back to."""
        forms = [{"prompt": "login", "login": person, "password": "x"}, {"prompt": "consent"}]
        with requests.Session() as browser:
            browser.trust_env = False
            answer = browser.get(url, allow_redirects=False, timeout=10)
            for _ in range(12):
                target = answer.headers.get("Location", "")
                if target.startswith(redirect):
                    return target
                if target:
                    answer = browser.get(urllib.parse.urljoin(answer.url, target), allow_redirects=False, timeout=10)
                    continue
                action = re.search(r'action="([^"]+)"', answer.text)
                assert action, answer.text[:2000]
                where = urllib.parse.urljoin(answer.url, action[1])
                answer = browser.post(where, forms.pop(0), allow_redirects=False, timeout=10)
        raise AssertionError("the provider never sent the browser back")
