"""A real admin server on loopback over the fakes of the control plane."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

sys.path.insert(0, str(Path(__file__).parents[1] / "missions"))

from described import check
from mission_world import TEMPLATES, Clock, World, control, destinations

from exeat.admin.app import routes_of
from exeat.admin.context import AdminContext, Places
from exeat.admin.description import describe
from exeat.admin.guard import Guard
from exeat.admin.login.sessions import Sessions
from exeat.admin.server import AdminServer
from exeat.admin.tokens import Tokens
from exeat.migration.inventory import Inventory
from exeat.missions.traffic import TrafficTotals
from exeat.missions.uses import LastUses
from exeat.model.credential_use import RegisteredCredential
from exeat.model.issued import IssuedToken
from exeat.model.secret import Secret
from exeat.store.admin_tokens import StoredAdminTokens
from exeat.store.credential_uses import StoredCredentialUses
from exeat.store.tables import metadata

REGISTERED = (RegisteredCredential("fp_00", ("example",), ("env:KEY",), {"example": "jwt"}, "A", 1_900_000_000.0),)
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
        parts = server._context
        sessions = Sessions(clock)
        self.routes = routes_of(parts, Guard(parts.token, parts.tokens, parts.url, sessions), sessions)
        self.description = describe(self.routes)

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
            check(self.description, method, path, response.status, kind, parsed)
            return Answer(response.status, response.headers, parsed)

    async def open(self, **fields: Any) -> dict[str, Any]:
        answer = await self.call("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"], **fields})
        assert answer.status == 201, answer.body
        opened: dict[str, Any] = answer.body
        return opened


def database() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    return engine


class Runner:
    """Runs a transaction at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, work: Callable[..., Any], *given: Any) -> Any:
        with self._engine.begin() as connection:
            return work(connection, *given)


class _Listed:
    """The list of tokens of one mission."""

    async def of_mission(self, mission: str) -> list[IssuedToken]:
        return [
            IssuedToken("t-1", mission, f"{mission}/bot", "example", "oauth_exchange", "A", "example:read", 1.0, 2.0),
            IssuedToken("t-2", mission, f"{mission}/bot", "example", "vault", "B", "example:read", 1.0, None),
        ]


def issued() -> Any:
    return _Listed()


def context(world: World, clock: Clock, engine: Engine, **changes: Any) -> AdminContext:
    record = {"seq": 1, "time": "2027-01-15T08:00:00.000000Z", "kind": "decision", "hash": "0" * 64}
    decision = {"decision": record | {"decision_id": "d_1", "decision": "deny"}, "outcome": None}

    async def ready() -> dict[str, bool]:
        return {"audit": "sick" not in world.fail, "store": True}

    async def evaluate(asked: Mapping[str, Any]) -> dict[str, Any]:
        world.asked.append(dict(asked))
        permit = asked["action"] != "example:refunds/create"
        refused = {"reason": "" if permit else "policy_denied", "policies": [], "obligations": [], "approvers": []}
        return {"decision": permit, "context": refused | {"advice": "", "hint": "", "snapshot": "v1"}}

    async def counts() -> dict[str, Any]:
        return {"exeat_decisions_total": {("permit", "", "example"): 3}}

    places = destinations(world, clock)
    uses = LastUses(places.ceilings, world.places, clock)
    parts: dict[str, Any] = {
        "control": control(world, clock),
        "approvals": None,
        "inbox": None,
        "issued": issued(),
        "token": Secret(TOKEN),
        "tokens": Tokens(StoredAdminTokens(cast("Any", Runner(engine))), clock),
        "audit": world,
        "clock": clock,
        "find_decision": lambda wanted: decision if wanted in ("d_1", "last") else None,
        "query": lambda filters, limit, before: [record | {"filters": dict(filters), "limit": limit, "before": before}],
        "services": lambda: [{"name": "example", "hosts": [], "operations": []}],
        "status": lambda: {"version": "0.1.0"},
        "ready": ready,
        "evaluate": evaluate,
        "url": "http://127.0.0.1:8081",
        "counts": counts,
        "jwks": lambda: {"keys": []},
        "places": Places(places, uses, TEMPLATES),
        "traffic": TrafficTotals(uses, clock),
        "inventory": Inventory(StoredCredentialUses(cast("Any", Runner(engine))), world, clock, lambda: REGISTERED),
        "live": world.live,
        "follow": lambda stop: iter(()),
    }
    return AdminContext(**(parts | changes))


@pytest.fixture
def given() -> Any:
    """What a test needs that starts a server of its own."""
    return SimpleNamespace(context=context, database=database, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def api(world: World) -> AsyncIterator[Api]:
    clock, engine = Clock(), database()
    server = AdminServer(context(world, clock, engine), "127.0.0.1", 0)
    await server.start()
    async with aiohttp.ClientSession() as session:
        yield Api(session, server, world, clock)
    await server.stop()
    engine.dispose()
