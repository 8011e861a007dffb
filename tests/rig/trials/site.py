"""The installation under trial: its places, its processes as they are now, and its API called so that the moment is known.

Must not know: kinds of traffic, verdicts.
"""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import orjson

from rig.certs import Authority
from rig.config import Config, operation, service
from rig.postgres import Postgres
from rig.proxy import Exeat
from rig.trials.clients import Door
from rig.trials.issuer import LateIssuer
from rig.trials.origin import Origin
from rig.trials.stamps import receive, stamped, stamping

_OPERATIONS = (
    operation("GET /v1/items", "items/list", "read"),
    operation("GET /sse", "events/follow", "read"),
    operation("POST /upload", "files/upload", "write"),
    operation("WEBSOCKET /ws", "chat/join", "write"),
)
_ANSWER = 10.0
_PERSIST = 60.0


@dataclass(frozen=True)
class Said:
    """What the API said, and when: the call's begin, and when its answer had come, by the kernel."""

    body: Any
    called: float
    returned: float
    tries: int


class Site:
    """Exeat with an origin, an issuer that is late, and so many places (and one more for load).

    One installation on SQLite, or so many ``replicas`` on a PostgreSQL of its own.
    """

    def __init__(
        self, folder: Path, places: int, change: Callable[[Config], None] | None = None, *, replicas: int = 0
    ) -> None:
        self.places = places
        self._stack = ExitStack()
        authority = Authority(folder)
        self.origin = self._stack.enter_context(Origin(authority, ["*.trial.test"], places + 1, folder))
        self.issuer = self._stack.enter_context(LateIssuer(places + 1))
        shared: dict[str, dict[str, str]] = {}
        if replicas:
            postgres = self._stack.enter_context(Postgres())
            shared = {
                "store": {"url": postgres.database()}, "state": {"path": str(folder / "state")},
                "audit": {"path": str(folder / "audit")}, "issuer": {"url": "https://exeat.trial.test"},
            }  # fmt: skip
        self.installations: list[Exeat] = []
        for number in range(replicas or 1):
            home, config = folder / f"exeat-{number}", self._config(authority)
            for table, fields in shared.items():
                config.tables.setdefault(table, {}).update(fields)
            if change is not None:
                change(config)
            home.mkdir()
            self.installations.append(Exeat(home, config))

    def _config(self, authority: Authority) -> Config:
        ports = self.origin.ports
        made = Config(SimpleNamespace(port=ports[0], plain_port=ports[0]), authority.file)  # type: ignore[arg-type]
        made.policies.pop("site.cedar")
        made.tables |= {"destination": [], "agent": [], "service": []}
        made.tables["upstream"]["resolve"] = {}
        made.tables["proxy"]["limits"] = {"source_connections": 2000}
        made.template |= {"destinations": [], "operations": ["trial:*"]}
        made.environ["LATE_SECRET"] = "secret"
        hosts = [f"s{number}.trial.test" for number in range(self.places + 1)]
        made.tables["service"].append(service("trial", hosts[0], *_OPERATIONS) | {"hosts": hosts})
        for number, host in enumerate(hosts):
            made.agent(f"bot-{number}")
            made.allow(host, local=ports[number])
        for number in range(self.places):
            late, host = f"late-{number}", f"x{number}.trial.test"
            issuer = {
                "kind": "oauth_exchange", "token_url": f"{self.issuer.url}/{number}/token", "server": self.issuer.url,
                "revoke_url": f"{self.issuer.url}/{number}/revoke", "ttl": "60s", "audience": f"https://{host}",
                "client_id": "exeat", "client_secret": "env:LATE_SECRET", "scopes": {"items/list": "items:read"},
            }  # fmt: skip
            made.tables["service"].append(service(late, host, _OPERATIONS[0], issuer=issuer))
            made.template["operations"].append(f"{late}:*")
            made.allow(host, local=ports[number])
        return made

    def __enter__(self) -> Self:
        stamping()
        for each in self.installations:
            self._stack.enter_context(each)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def door(self, mission: dict[str, Any], host: str) -> Door:
        """The ways to a host for a mission."""
        return Door([each.port for each in self.installations], host, mission["pass"], mission["ca_file"])

    def processes(self) -> list[int]:
        """The processes that may be hit: workers; each installation's own where there are several."""
        found = [child for each in self.installations for child in children(each)]
        if len(self.installations) > 1:
            found += [each.process.pid for each in self.installations if each.process is not None]
        return found

    def is_whole(self) -> bool:
        """Whether every process that there should be serves."""
        for each in self.installations:
            try:
                workers = each.admin("GET", "/v1/status").ok().get("workers", {})
            except (OSError, AssertionError, http.client.HTTPException):
                return False
            wanted = int(each.config.environ.get("EXEAT_PROXY__WORKERS", "1"))
            serving = [one for one in workers.values() if "pid" in one and one["current"]]
            if wanted > 1 and len(serving) != wanted:
                return False
        return True

    def revive(self) -> None:
        """Start again what was killed whole."""
        for each in self.installations:
            if each.process is not None and each.process.poll() is not None:
                each.start()

    def open(self, place: int) -> dict[str, Any]:
        """A fresh mission of a place's agent."""
        said = self.call("/v1/missions", {"template": "refunds", "agents": [f"bot-{place}"]})
        opened: dict[str, Any] = said.body
        return opened

    def revoke(self, mission: dict[str, Any]) -> Said:
        """Revoke a mission; again, until somebody says that it is done."""
        return self.call(f"/v1/missions/{mission['mission']}/revoke", {"reason": "trial"})

    def call(self, path: str, body: Any) -> Said:
        """POST to some installation's API until one does as asked."""
        called, tries = time.monotonic(), 0
        while True:
            tries += 1
            problem: object
            try:
                status, answer, at = _post(random.choice(self.installations), path, body)
                if status < 300:
                    return Said(answer, called, at, tries)
                problem = (status, answer)
                if status < 500:
                    break
            except (OSError, ValueError) as error:
                problem = error
            if time.monotonic() > called + _PERSIST:
                break
            time.sleep(0.02)
        raise AssertionError(f"{path}: {problem}")


def _post(exeat: Exeat, path: str, body: Any) -> tuple[int, Any, float]:
    """One call on a connection of its own: status, body, and when its last byte came."""
    payload = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{exeat.admin_port}\r\nAuthorization: Bearer {exeat.token()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", exeat.admin_port), _ANSWER) as sock:
        stamped(sock).sendall(head.encode() + payload)
        answer, at = b"", 0.0
        while True:
            data, came = receive(sock)
            if not data:
                break
            answer, at = answer + data, came
    top, complete, content = answer.partition(b"\r\n\r\n")
    if not complete:
        raise ConnectionError("no answer")
    return int(top.split(b" ", 2)[1]), orjson.loads(content), at


def children(exeat: Exeat) -> list[int]:
    """The processes that an installation has started."""
    if exeat.process is None:
        return []
    with suppress(OSError):
        text = Path(f"/proc/{exeat.process.pid}/task/{exeat.process.pid}/children").read_text()
        return [int(each) for each in text.split()]
    return []
