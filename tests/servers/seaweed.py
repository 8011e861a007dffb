"""SeaweedFS as S3 and STS: it enforces signatures, session policies, ends of life and our signed words (test only, pinned).

One a session, behind TLS for ``s3.example.test`` and the buckets below it; STS is on its plain port. It is ended with SIGKILL, for
it takes long to end by itself.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from rig.certs import Authority
from rig.config import free_port
from rig.proxy import clean_environment
from servers.launched import Launched

WEED = Path(__file__).resolve().parents[2] / ".venv-servers" / "bin" / "weed"
ROLE = "arn:aws:iam::000000000000:role/agent"
ADMIN_ID, ADMIN_SECRET = "EXEATADMINKEY0000001", "seaweed+admin/secret canary 41d7".replace(" ", "-")
"""The long-lived key of the installation: never an agent's."""
_ANYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": ["*"]}],
}


def missing() -> str:
    """Why it can't be started here, or an empty string."""
    return "" if WEED.exists() else ".venv-servers (run scripts/setup-servers)"


class Seaweed(Launched):
    """One running server, also under further ``names``; ``trusted`` is the issuer of the words it believes, by its URL."""

    called = "SeaweedFS"

    def __init__(self, folder: Path, authority: Authority, trusted: str, *names: str) -> None:
        self._folder = folder
        self._trusted = trusted
        self._chain, self._key = authority.files(folder, "s3.example.test", "*.s3.example.test", *names)
        self.port, self.https = free_port(), free_port()

    @property
    def url(self) -> str:
        """S3 and STS without TLS."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it empty, and wait until it answers."""
        (self._folder / "data").mkdir()
        (self._folder / "iam.json").write_text(json.dumps(self._iam()))
        keys = [{"accessKey": ADMIN_ID, "secretKey": ADMIN_SECRET}]
        admin = {"name": "admin", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        (self._folder / "s3.json").write_text(json.dumps({"identities": [admin]}))
        here = ("master", "volume", "filer")
        ports = [f"-{name}.port={free_port()}" for name in here] + [f"-{name}.port.grpc={free_port()}" for name in here]
        kept = {key: value for key, value in clean_environment().items() if key in ("PATH", "LANG")}
        command = [
            str(WEED), "server", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=100", "-filer", "-s3",
            f"-s3.port={self.port}", f"-s3.port.https={self.https}", f"-s3.cert.file={self._chain}",
            f"-s3.key.file={self._key}", f"-s3.port.grpc={free_port()}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-s3.domainName=s3.example.test", f"-s3.localSocket={self._folder / 's3.sock'}", "-s3.config=s3.json",
            "-s3.iam.config=iam.json", "-master.volumeSizeLimitMB=64", *ports,
        ]  # fmt: skip
        environ = kept | {"HOME": str(self._folder), "TMPDIR": str(self._folder)}
        return self.spawn(command, self._folder, self._folder / "seaweed.log", environ, 60)

    def answers(self) -> bool:
        """The door says so itself."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)

    def _iam(self) -> dict[str, Any]:
        own = {"issuer": self._trusted, "clientId": "s3", "jwksUri": f"{self._trusted}/.well-known/jwks.json"}
        trust = [
            {"Effect": "Allow", "Principal": {"Federated": "own"}, "Action": ["sts:AssumeRoleWithWebIdentity"]},
            {"Effect": "Allow", "Principal": "*", "Action": ["sts:AssumeRole"]},
        ]
        role = {"roleName": "agent", "roleArn": ROLE, "attachedPolicies": ["Wide"],
                "trustPolicy": {"Version": "2012-10-17", "Statement": trust}}  # fmt: skip
        return {
            "sts": {"tokenDuration": "15m", "maxSessionLength": "1h", "issuer": "seaweedfs-sts",
                    "signingKey": base64.b64encode(b"a signing key of the tests alone").decode()},
            "providers": [{"name": "own", "type": "oidc", "enabled": True, "config": own}],
            "policy": {"defaultEffect": "Deny", "storeType": "memory"},
            "policies": [{"name": "Wide", "document": _ANYTHING}],
            "roles": [role],
        }  # fmt: skip
