"""The smallest useful configuration, as a Python value that a test changes before it becomes ``exeat.toml``."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rig.origin import Origin

SHARED_KEY = "sk_live_canary_51f0c2d9e8b7a6"
"""The shared credential of the example service: a canary that must never reach an origin, a log or the audit."""

GRANT = """\
@id("mission-operations")
permit (principal, action, resource)
when { action in principal.operations };
"""

NO_PAYOUTS = """\
@id("no-payouts")
@reason("policy_denied")
@advice("Payouts are made by the treasury team.")
forbid (principal, action == Action::"example:payouts/create", resource);
"""

Table = dict[str, Any]


def free_port() -> int:
    """A port that nothing listens on at this moment, below those that the system hands out by itself: it stays free."""
    while True:
        port = random.randint(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def operation(match: str, action: str, group: str, **more: Any) -> Table:
    return {"match": match, "action": action, "group": group, **more}


OPERATIONS = [
    operation("GET /v1/refunds", "refunds/list", "read"),
    operation("GET /v1/refunds/{id}", "refunds/get", "read"),
    operation("POST /v1/refunds", "refunds/create", "write"),
    operation("DELETE /v1/refunds/{id}", "refunds/delete", "delete"),
    operation("POST /v1/payouts", "payouts/create", "write"),
    operation("GET /echo", "echo/read", "read"),
    operation("POST,PUT /echo", "echo/write", "write"),
    operation("POST,PUT /upload", "upload", "write"),
    *[
        operation(f"GET /{name}", f"probe/{name}", "read")
        for name in (
            "sse",
            "drip",
            "bytes",
            "redirect",
            "slow",
            "101",
            "close",
            "reflect",
            "cookie",
            "alt-svc",
            "trailers",
            "extra",
            "interim",
            "endless-head",
            "endless-trailers",
            "torn",
        )
    ],
    operation("GET /status/{code}", "probe/status", "read"),
]


def service(name: str, host: str, *operations: Table, **more: Any) -> Table:
    """A service with a bearer token of our own unless told otherwise."""
    return {
        "name": name, "hosts": [host], "operation": list(operations or OPERATIONS),
        "credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"},
        "issuer": {"kind": "jwt", "audience": f"https://{host}", "ttl": "60s"}, **more,
    }  # fmt: skip


def allow_silent(config: Config) -> None:
    """A service whose origin nobody is yet: a test listens on ``config.silent`` as it likes."""
    config.silent = free_port()
    config.allow("silent.example.test", local=config.silent)
    config.tables["service"].append(service("silent", "silent.example.test"))
    config.template["operations"].append("silent:*")


class Config:
    """Settings as nested tables, policies as files, the environment that ``serve`` gets, and a command it runs under.

    ``resolve(host, port, local)`` points a name at an origin; ``allow(host, …)`` adds an admins' ceiling and, unless
    ``mission=False``, lets the template ``refunds`` use it.
    """

    def __init__(self, origin: Origin, ca_file: Path, decoy: Origin | None = None) -> None:
        self.policies = {"grant.cedar": GRANT, "site.cedar": NO_PAYOUTS}
        self.environ = {"EXAMPLE_KEY": SHARED_KEY}
        if workers := os.environ.get("RIG_WORKERS"):
            self.environ["EXEAT_PROXY__WORKERS"] = workers
        self.launcher: list[str] = []
        self.outer_port = 0
        self.doors: Any = None  # rig.ways.Doors, where a test has opened them
        self.origin = origin
        self.port, self.admin_port, self.silent = free_port(), free_port(), 0
        self.template: Table = {
            "name": "refunds", "destinations": [], "ttl": "30m",
            "operations": ["example:read", "example:write", "http:read"],
        }  # fmt: skip
        retire = (datetime.now(UTC) + timedelta(days=300)).date()
        self.tables: Table = {
            "proxy": {"listen": [f"http://127.0.0.1:{self.port}"]},
            "admin": {"listen": f"http://127.0.0.1:{self.admin_port}", "token_file": "admin.token"},
            "state": {"path": "state"}, "store": {"url": "sqlite:///exeat.db"},
            "policy": {"path": "policies", "reload": "200ms"}, "audit": {"path": "audit"},
            "upstream": {"ca_file": str(ca_file), "resolve": {}},
            "destination": [],
            "agent": [{"name": name, "environment": "prod"} for name in ("invoice-bot", "report-bot")],
            "service": [
                service("example", "api.example.test", shared={"source": "env:EXAMPLE_KEY", "retire_by": retire}),
                {"name": "plain", "hosts": ["plain.example.test"], "ports": [80, 443], "plain_http": True,
                 "operation": [operation("GET /echo", "echo", "read")],
                 "credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"},
                 "issuer": {"kind": "jwt", "audience": "https://plain.example.test", "ttl": "60s"}},
            ],
            "mission_template": [self.template],
        }  # fmt: skip
        self.template["operations"].append("plain:read")
        self.allow("api.example.test")
        self.allow("cdn.example.test")
        self.allow("plain.example.test", 80, local=origin.plain_port)
        self.allow("unchosen.example.test", mission=False)  # in the ceiling, in no mission
        self.resolve("evil.example.test", 443, (decoy or origin).port)  # an address is known, nobody allows it
        self.resolve("evil.example.test", 80, (decoy or origin).plain_port)

    def allow(self, host: str, port: int = 443, *, local: int | None = None, mission: bool = True) -> None:
        """Put a destination under the admins' ceiling and point its name at the origin."""
        expires = (datetime.now(UTC) + timedelta(days=300)).date()
        self.tables["destination"].append(
            {"host": host, "port": port, "owner": "tests", "reason": "a black-box test", "expires": expires}
        )
        if mission:
            self.template["destinations"].append(f"{host}:{port}")
        if not host.startswith("*"):
            self.resolve(host, port, local or self.origin.port)

    def listener(self, scheme: str = "http", **fields: Any) -> int:
        """Add a listener on a port of its own; return the port."""
        port = free_port()
        self.tables.setdefault("listener", []).append({"url": f"{scheme}://127.0.0.1:{port}", **fields})
        return port

    def agent(self, name: str, **fields: Any) -> None:
        """Add an agent in ``prod``."""
        self.tables["agent"].append({"name": name, "environment": "prod", **fields})

    def resolve(self, host: str, port: int, local: int) -> None:
        """Point a name at a local port."""
        self.tables["upstream"]["resolve"][f"{host}:{port}"] = f"127.0.0.1:{local}"

    def service(self, name: str) -> Table:
        """The table of one service, to change it."""
        found: Table = next(table for table in self.tables["service"] if table["name"] == name)
        return found

    def write(self, folder: Path) -> Path:
        """Write ``exeat.toml`` and the policies; return the file."""
        (folder / "policies").mkdir(exist_ok=True)
        for name, text in self.policies.items():
            (folder / "policies" / name).write_text(text)
        file = folder / "exeat.toml"
        file.write_text(toml(self.tables))
        return file


def _value(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)


def toml(tables: Table) -> str:
    """TOML of nested tables: the first two levels as headers, the rest inline."""
    lines: list[str] = []
    for name, table in tables.items():
        rows = table if isinstance(table, list) else [table]
        header = f"[[{name}]]" if isinstance(table, list) else f"[{name}]"
        for row in rows:
            lines.append(header)
            nested = {key: value for key, value in row.items() if key in ("operation", "resource")}
            lines += [f"{key} = {_value(value)}" for key, value in row.items() if key not in nested]
            for key, inner in nested.items():
                for item in inner:
                    lines += [f"[[{name}.{key}]]", *(f"{field} = {_value(value)}" for field, value in item.items())]
            lines.append("")
    return "\n".join(lines)
