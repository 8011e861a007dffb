"""A small installation without sockets: the real catalogue, policies, engine and gate; ports that only remember.

Its services put their credential in every kind of place and are read by every kind of reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exeat.audit.fields import encode
from exeat.config.settings import ServiceTable
from exeat.credentials.custody import Custody
from exeat.decision.recognise import FingerprintTable, Known, fingerprint
from exeat.decision.snapshot import Snapshot, with_mission
from exeat.enforcement.answers.keeping import Keeper
from exeat.enforcement.answers.reader import Answers
from exeat.enforcement.gate import Gate
from exeat.enforcement.identified import Identity
from exeat.enforcement.identify import Identifier
from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.openings import Openings
from exeat.enforcement.world import World
from exeat.identity.agents import AgentIndex
from exeat.identity.prove import Prover
from exeat.identity.tokens import TokenVerifier
from exeat.model.decision import TokenRequest
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.issuing import Grade
from exeat.model.mission import AllowedDestination, Ceilings, Mission
from exeat.model.secret import Secret
from exeat.model.service import Handouts
from exeat.model.token import Token
from exeat.policy.bundle import SchemaNames, load_bundle
from exeat.services.catalogue import build_catalogue
from unit.quiet_rules import quiet
from unit.standing_clock import StandingClock

NOW = 1_000_000.0
SHARED, PLACEHOLDER, MINTED = "sk-shared-0123456789", "exeat-ph-0123456789ab", "minted-token-value-01"
"""The old key of every service, the placeholder for each, and what the broker answers."""
_KEY = b"k" * 32


def _row(match: str, action: str, group: str = "read", **more: Any) -> dict[str, Any]:
    return {"match": match, "action": action, "group": group, **more}


def _service(name: str, *operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {
        "name": name,
        "hosts": [f"{name}.example.test"],
        "issuer": {"kind": "jwt", "audience": f"https://{name}.example.test"},
        "operation": operations,
    }
    return {key: value for key, value in (made | more).items() if value is not None}


_REST = (
    _row("GET /v1/refunds", "refunds/list"),
    _row("GET /v1/refunds/{id}", "refunds/get", resource="Refund"),
    _row("POST /v1/refunds", "refunds/create", "write"),
    _row("DELETE /v1/refunds/{id}", "refunds/delete", "delete", resource="Refund"),
    _row("GET /v1/do?act=list", "do/list"),
    _row("GET /v1/do?act=wipe", "do/wipe", "admin"),
    _row("GET /v1/files/{path...}", "files/get"),
    _row("WEBSOCKET /v1/feed", "feed"),
)
_READ = (
    _row("GET,POST /graphql", "view", reader="graphql", select="query:*"),
    _row("POST /graphql", "change", "write", reader="graphql", select="mutation:*"),
    _row("POST /rpc", "move", "write", reader="jsonrpc", select="move"),
    _row("POST /mcp", "tool", "write", reader="mcp", select="tools/call:*"),
    _row("POST /chat", "chat", "write", reader="json", captures={"id": "/model"}, resource="Refund"),
    _row("POST /form", "form", "write", reader="form", captures={"id": "/name"}, resource="Refund"),
    _row("POST /{id}/git-receive-pack", "push", "write", reader="git-receive-pack", select="*", resource="Refund"),
)
_REFUND = [{"type": "Refund", "id": "{id}"}]
_BEARER = {"in": "header", "name": "Authorization", "scheme": "Bearer"}
TABLES = (
    _service("header", *_REST, resource=_REFUND, credential=_BEARER),
    _service("query", *_REST, resource=_REFUND, credential={"in": "query", "name": "access_token"}, encoded_slash="separator"),
    _service("cookie", *_REST, resource=_REFUND, credential={"in": "cookie", "name": "session_id"}, tag="pairwise"),
    _service("basic", *_REST, resource=_REFUND, credential={"in": "basic", "user": "x", "also": [_BEARER]}),
    _service("bodies", *_READ, resource=_REFUND, credential={"in": "header", "name": "X-Api-Key"}, refusal="jsonrpc"),
    _service("open", credential={"in": "header", "name": "X-Open-Key"}, ports=[443, 80], issuer=None, plain_http=True, unlisted="strictest", foreign="forward", tag="none"),
)  # fmt: skip
HOSTS = (*(f"{table['name']}.example.test" for table in TABLES), "bare.example.test")
AGENT = Agent("bot", "prod", "exeat.internal")
OTHER_HOST = "elsewhere.example.test"
"""In the ceiling, but not in the mission."""
MISSION = Mission(
    id="m_1",
    environment="prod",
    agents=("bot",),
    destinations=tuple(
        DestinationPattern.parse(text) for text in (*(f"{host}:443" for host in HOSTS), "open.example.test:80")
    ),
    operations=(
        *(f"{table['name']}:read" for table in TABLES),
        *(f"{table['name']}:write" for table in TABLES),
        "http:*",
    ),
    opened_at=NOW - 10,
    expires_at=NOW + 10,
)
ME = Identity("m_1", "bot")
_CEILING = ("*.example.test:443", "*.example.test:80")


class Audit:
    """Keeps records as the real one would write them."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def append(self, record: Any) -> None:
        encode(record)
        self.records.append(dict(record))


class Broker:
    """Has a token for everything."""

    def cached(self, request: TokenRequest) -> Token:
        return Token(Secret(MINTED), "t_1", Grade.A, NOW + 60)


def _snapshot() -> tuple[Snapshot, frozenset[str]]:
    services = build_catalogue([ServiceTable.model_validate(table) for table in TABLES])
    names = SchemaNames(frozenset({"prod"}), frozenset(), frozenset(), frozenset())
    bundle = load_bundle(Path(__file__).parents[3] / "policies", services.services, names)
    known = {}
    for table in TABLES:
        known[f"{SHARED}-{table['name']}"] = Known("shared", str(table["name"]))
        known[f"{PLACEHOLDER}-{table['name']}"] = Known("placeholder", str(table["name"]), AGENT.key)
    ceiling = tuple(AllowedDestination(DestinationPattern.parse(text), "o", "r", NOW + 1000) for text in _CEILING)
    empty = Snapshot(
        bundle.version, {}, {}, services, bundle.engine, Ceilings(ceiling, (), 86400.0),
        FingerprintTable(_KEY, {fingerprint(_KEY, value): what for value, what in known.items()}, frozenset(map(len, known))),
    )  # fmt: skip
    return with_mission(empty, MISSION, {AGENT.key: AGENT}), frozenset(policy.label for policy in bundle.policies)


SNAPSHOT, POLICIES = _snapshot()
"""Judged by, and the labels of every policy there is."""


class Site:
    """A gate, what it wrote down, and what reads answers; ``passes`` verifies them. No issuer of tokens is trusted."""

    def __init__(self, passes: Any = None) -> None:
        self.audit = Audit()
        broker: Any = Broker()
        never: Any = None
        world, clock = World(SNAPSHOT, lambda: 0.0), StandingClock(NOW)
        prover = Prover(AgentIndex([AGENT], {}), passes, TokenVerifier((), never, clock))
        keeper = Keeper(Custody(_KEY, clock.time, 4096), clock, Handouts())
        rules = {each.name: each.handouts for each in SNAPSHOT.services.services}
        self.answers = Answers(keeper, rules.get)
        self.gate = Gate(
            world, Identifier(prover, world, clock), broker, self.audit, clock, keeper, quiet(world, clock),
            Budgets(never, clock), Openings((), never), deadline=1.0, pairwise_key=b"p" * 32,
        )  # fmt: skip
