"""A real admin server on loopback over the fakes of the control plane."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "missions"))

from mission_world import Clock, World, control

from exeat.admin.context import AdminContext
from exeat.admin.server import AdminServer
from exeat.model.secret import Secret

TOKEN = "CANARY-admin-token-0123456789abcdefghijklmnop"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


class Api:
    """Calls the server as its owner does."""

    def __init__(self, session: aiohttp.ClientSession, server: AdminServer, world: World, clock: Clock) -> None:
        self.session, self.server, self.world, self.clock = session, server, world, clock

    async def call(self, method: str, path: str, body: Any = None, **headers: str | None) -> Answer:
        sent = {"Authorization": f"Bearer {TOKEN}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        kept = {name: value for name, value in sent.items() if value is not None}
        arguments: dict[str, Any] = {"data": body} if isinstance(body, bytes | str) else {"json": body}
        async with self.session.request(
            method,
            f"http://127.0.0.1:{self.server.port}{path}",
            headers=kept,
            **(arguments if body is not None else {}),
        ) as response:
            kind = response.headers.get("Content-Type", "")
            parsed = await response.json(content_type=None) if "json" in kind else await response.text()
            return Answer(response.status, response.headers, parsed)

    async def open(self, **fields: Any) -> dict[str, Any]:
        answer = await self.call("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"], **fields})
        assert answer.status == 201, answer.body
        opened: dict[str, Any] = answer.body
        return opened


def context(world: World, clock: Clock, **changes: Any) -> AdminContext:
    decision = {"decision": {"decision_id": "d_1", "decision": "deny"}, "outcome": None}
    parts: dict[str, Any] = {
        "control": control(world, clock),
        "token": Secret(TOKEN),
        "audit": world,
        "clock": clock,
        "find_decision": lambda wanted: decision if wanted in ("d_1", "last") else None,
        "query": lambda filters, limit: [{"filters": dict(filters), "limit": limit}],
        "services": lambda: [{"name": "example"}],
        "status": lambda: {"version": "0.1.0"},
        "healthy": lambda: "sick" not in world.fail,
        "jwks": lambda: {"keys": []},
    }
    return AdminContext(**(parts | changes))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def api(world: World) -> AsyncIterator[Api]:
    clock = Clock()
    server = AdminServer(context(world, clock), "127.0.0.1", 0)
    await server.start()
    async with aiohttp.ClientSession() as session:
        yield Api(session, server, world, clock)
    await server.stop()
