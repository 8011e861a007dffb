"""A small world for the tests of decisions: one service, one mission, and an engine that answers as told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from exeat.config.tables.service import ServiceTable
from exeat.decision.normalize import normalize
from exeat.decision.recognise import FingerprintTable, Known, fingerprint
from exeat.decision.snapshot import Snapshot, with_mission
from exeat.decision.verdict import Allowed
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.mission import AllowedDestination, Ceilings, Mission
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest
from exeat.services.catalogue import build_catalogue

NOW = 1_000_000.0
KEY = b"k" * 32
HOST = "api.example.test"
SHARED, OTHER_SHARED, RETIRED = "sk-shared-0123456789", "sk-other-01234567890", "sk-retired-012345678"
PLACEHOLDER, FOREIGN_PLACEHOLDER = "exeat-ph-example-aaaa", "exeat-ph-example-bbbb"
KNOWN = {
    SHARED: Known("shared", "example", retire_by=NOW + 1),
    RETIRED: Known("shared", "example", retire_by=NOW),
    OTHER_SHARED: Known("shared", "other"),
    PLACEHOLDER: Known("placeholder", "example", "prod/bot"),
    FOREIGN_PLACEHOLDER: Known("placeholder", "example", "prod/other-bot"),
}
TABLE = FingerprintTable(
    KEY, {fingerprint(KEY, value): known for value, known in KNOWN.items()}, frozenset(map(len, KNOWN))
)
AGENT = Agent("bot", "prod", "exeat.internal")
AGENTS = {AGENT.key: AGENT}
MISSION = Mission(
    id="m_1",
    environment="prod",
    agents=("bot",),
    destinations=(DestinationPattern.parse(f"{HOST}:443"), DestinationPattern.parse(f"{HOST}:80")),
    operations=("example:read", "example:refunds/create", "http:*"),
    opened_at=NOW - 10,
    expires_at=NOW + 10,
)
EXAMPLE = {
    "name": "example",
    "hosts": [HOST],
    "credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"},
    "issuer": {"kind": "jwt", "audience": f"https://{HOST}"},
    "operation": [
        {"match": "POST /v1/refunds", "action": "refunds/create", "group": "write", "scope": "refunds.write"},
        {"match": "GET /v1/refunds/{id}", "action": "refunds/get", "group": "read", "resource": "Refund"},
    ],
    "resource": [{"type": "Refund", "id": "{id}"}],
}


@dataclass
class FakeEngine:
    """Answers every question with ``verdict`` and remembers what it was asked."""

    verdict: object = field(default_factory=lambda: Allowed(("grant.cedar:1 mission-operations",)))
    version: str = "v1"
    asked: list = field(default_factory=list)
    opened: list = field(default_factory=list)

    def open(self, session, mission, operations, lineage=()):
        self.opened.append((session.key, operations))
        return (self.version, session.key)

    def judge(self, principal, action, resource, context):
        self.asked.append((principal, action, resource, context))
        return self.verdict


def services(**changes):
    return build_catalogue([ServiceTable.model_validate(EXAMPLE | changes)])


def ceilings(*patterns, expires=NOW + 1000):
    return Ceilings(
        tuple(AllowedDestination(DestinationPattern.parse(text), "o", "r", expires) for text in patterns), (), 86400.0
    )


def empty_snapshot(engine=None, **changes):
    return Snapshot(
        version="v1",
        sessions={},
        ended={},
        services=services(**changes),
        engine=engine or FakeEngine(),
        ceilings=ceilings("*:443", "*:80"),
        fingerprints=TABLE,
    )


def world(engine=None, mission=None, **changes):
    """(snapshot, view): ``changes`` are fields of the service's table, ``mission`` fields of the mission."""
    snapshot = with_mission(empty_snapshot(engine, **changes), replace(MISSION, **(mission or {})), AGENTS)
    return snapshot, snapshot.sessions["m_1/bot"]


def request(method="GET", target="/v1/refunds/r1", headers=(), host=HOST, *, secure=True) -> CanonicalRequest:
    """A canonical request, made the only way there is."""
    fields = ((b"Host", host.encode()), *((name.encode(), value.encode()) for name, value in headers))
    wire = WireRequest(
        method,
        target.encode() if secure else f"http://{host}{target}".encode(),
        "",
        fields,
        "HTTP/1.1",
        Tunnel(host, 443, host) if secure else None,
    )
    canonical = normalize(wire)
    assert isinstance(canonical, CanonicalRequest), canonical
    return canonical
