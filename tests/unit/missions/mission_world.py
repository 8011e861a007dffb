"""A control plane over fakes: every effect is written down in order, and each can be made to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from exeat.errors import ConflictError, RefusalError, UnavailableError
from exeat.missions.control import MissionControl
from exeat.missions.destinations import Destinations
from exeat.missions.opened import ConnectionInfo, ProxyOffer
from exeat.missions.request import OpenRequest
from exeat.missions.usage import Usage
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.mission import AllowedDestination, Ceilings, Mission, MissionTemplate
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.traffic import LastUse
from exeat.ports import Applied
from unit.memory_ledger import MemoryLedger

NOW = 1_800_000_000.0
DAY = 86_400.0
ACTIONS = {
    "example:read": frozenset({"example:refunds/get", "example:refunds/list"}),
    "example:write": frozenset({"example:refunds/create"}),
    "example:refunds/get": frozenset({"example:refunds/get"}),
    "example:refunds/list": frozenset({"example:refunds/list"}),
    "example:refunds/create": frozenset({"example:refunds/create"}),
    "example:*": frozenset({"example:refunds/get", "example:refunds/list", "example:refunds/create"}),
    "other:*": frozenset({"other:things/get"}),
    "read": frozenset({"example:refunds/get", "example:refunds/list", "other:things/get"}),
}


def pattern(text: str) -> DestinationPattern:
    return DestinationPattern.parse(text)


def ceiling(text: str, expires: float = NOW + 30 * DAY) -> AllowedDestination:
    return AllowedDestination(pattern(text), "payments", "refund API", expires)


def a_mission(**changes: Any) -> Mission:
    mission = Mission(
        id="m_00000000000000000000000001",
        environment="prod",
        agents=("invoice-bot",),
        destinations=(pattern("api.example.test:443"),),
        operations=("example:read",),
        opened_at=NOW,
        expires_at=NOW + 1800,
    )
    return replace(mission, **changes)


def agent(name: str, environment: str = "prod") -> Agent:
    return Agent(name, environment, "exeat.internal")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.now


@dataclass
class PlaceStore:
    """``ports.DestinationStore`` in memory; breaks when its world's store does."""

    world: World
    entries: dict[str, AllowedDestination] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    known: dict[str, LastUse] = field(default_factory=dict)

    async def add(self, entry: AllowedDestination) -> None:
        self.world.write(f"store add {entry.pattern}")
        self.entries[entry.id] = entry

    async def get(self, entry_id: str) -> AllowedDestination | None:
        return self.entries.get(entry_id)

    async def remove(self, entry_id: str, by: str, now: float) -> None:
        self.world.write(f"store remove {self.entries[entry_id].pattern}")
        self.removed.add(entry_id)

    async def kept(self) -> Sequence[AllowedDestination]:
        return [entry for key, entry in self.entries.items() if key not in self.removed]

    async def uses(self) -> dict[str, LastUse]:
        return dict(self.known)

    async def used(self, uses: Mapping[str, LastUse]) -> None:
        self.world.write("store uses")
        self.known |= {key: use for key, use in uses.items() if use.used_at is not None or key not in self.known}


@dataclass
class World:
    """``effects`` lists what happened, ``fail`` names what is to break: record, store, feed, sign, read."""

    effects: list[str] = field(default_factory=list)
    fail: set[str] = field(default_factory=set)
    records: list[dict[str, Any]] = field(default_factory=list)
    told: list[Mission] = field(default_factory=list)
    stored: dict[str, Mission] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    overtake: int = 0
    feed_error: BaseException = field(default_factory=lambda: RuntimeError("the data path broke"))

    def __post_init__(self) -> None:
        self.places = PlaceStore(self)
        self.allowed: list[Ceilings] = []

    def write(self, effect: str) -> None:
        self._usable()
        self.effects.append(effect)

    # ceilings feed
    async def allow(self, ceilings: Ceilings) -> Applied:
        self.effects.append("feed ceilings")
        if "feed" in self.fail:
            raise self.feed_error
        self.allowed.append(ceilings)
        return Applied(connections_cut=2, milliseconds=0.5)

    async def elsewhere(self) -> tuple[str, ...]:
        self.effects.append("elsewhere")
        return ()

    # audit sink
    def append(self, record: dict[str, Any]) -> None:
        if "record" in self.fail:
            raise RefusalError(Reason.AUDIT_UNAVAILABLE)
        self.effects.append(f"record {record['event']}")
        self.records.append(dict(record))

    # mission store
    async def add(self, mission: Mission) -> None:
        self._usable()
        self.effects.append(f"store {mission.state}")
        self.stored[mission.id] = mission

    async def replace(self, mission: Mission, expected_revision: int) -> Mission:
        self._usable()
        if self.overtake:
            self.overtake -= 1
            kept = self.stored[mission.id]
            self.stored[mission.id] = replace(kept, revision=kept.revision + 1)
        kept = self.stored[mission.id]
        if kept.revision != expected_revision or kept.state.final:
            raise ConflictError("changed meanwhile")
        self.effects.append(f"store {mission.state}")
        self.stored[mission.id] = changed = replace(mission, revision=expected_revision + 1)
        return changed

    async def get(self, mission_id: str) -> Mission | None:
        if "read" in self.fail:
            raise UnavailableError("the store is gone")
        return self.stored.get(mission_id)

    async def live(self) -> Sequence[Mission]:
        if "read" in self.fail:
            raise UnavailableError("the store is gone")
        return [mission for mission in self.stored.values() if not mission.state.final]

    async def page(self, limit: int, before: str | None = None, states: Sequence[str] = ()) -> Sequence[Mission]:
        ids = sorted((key for key in self.stored if before is None or key < before), reverse=True)
        found = [self.stored[key] for key in ids]
        return [each for each in found if not states or each.state in states][:limit]

    async def children(self, mission_id: str) -> Sequence[Mission]:
        return [each for each in await self.live() if each.parent == mission_id]

    async def unfinished(self, template: str, environment: str, now: float) -> Sequence[Mission]:
        found = [each for each in self.stored.values() if (each.template, each.environment) == (template, environment)]
        return [each for each in reversed(found) if each.expires_at > now]

    def _usable(self) -> None:
        if "store" in self.fail:
            raise UnavailableError("the disk is full")

    # change feed
    async def feed(self, mission: Mission) -> Applied:
        self.effects.append(f"feed {mission.state}")
        if "feed" in self.fail:
            raise self.feed_error
        self.told.append(mission)
        return Applied(connections_cut=2, tokens_dropped=1, tokens_revoked=0, milliseconds=0.5)

    # pass signer
    def sign(self, mission: Mission, signed: Agent) -> Secret:
        if "sign" in self.fail:
            raise RefusalError(Reason.INTERNAL_ERROR)
        return Secret(f"CANARY.{mission.id}.{signed.name}.{mission.expires_at:.0f}/+")


AGENTS = {
    each.key: each
    for each in (agent("invoice-bot"), agent("report-bot"), agent("report-bot", "staging"), agent("late-bot"))
}
TEMPLATES = {
    "refunds": MissionTemplate(
        name="refunds",
        destinations=(pattern("api.example.test:443"), pattern("*.files.example.test:443")),
        operations=("example:read", "example:refunds/create"),
        ttl=1800.0,
        agents=("invoice-bot", "report-bot"),
        purpose="pay back",
        owner="payments",
        labels={"team": "payments"},
    )
}
CEILINGS = Ceilings(
    destinations=(
        ceiling("api.example.test:443"),
        ceiling("*.files.example.test:443"),
        ceiling("old.example.test:443", NOW - 1),
        ceiling("short.example.test:443", NOW + 600),
    ),
    operations=(),
    longest_life=DAY,
)
CONNECTION = ConnectionInfo(
    proxy=ProxyOffer("http", "127.0.0.1", 8080),
    ca_file="/state/ca.pem",
    bundle_file="/state/ca-bundle.pem",
    placeholders=lambda of: {"example": f"exeat-ph-example-{of.name}", "other": "exeat-ph-other"},
    variables={"example": "EXAMPLE_KEY"},
)


def destinations(world: World, clock: Clock) -> Destinations:
    return Destinations(CEILINGS, world.places, clock, world, world.allow, world.elsewhere)


def control(world: World, clock: Clock, **changes: Any) -> MissionControl:
    parts: dict[str, Any] = {
        "store": world,
        "clock": clock,
        "audit": world,
        "feed": world.feed,
        "passes": world,
        "agents": AGENTS,
        "templates": TEMPLATES,
        "ceilings": lambda: CEILINGS,
        "expand": ACTIONS.get,
        "connection": CONNECTION,
        "usage": Usage(MemoryLedger(), clock),
    }
    return MissionControl(**(parts | changes))


REFUNDS = OpenRequest(agents=("invoice-bot",), template="refunds")
AD_HOC = OpenRequest(
    agents=("invoice-bot",),
    destinations=("api.example.test:443",),
    operations=("example:read",),
    ttl=600.0,
    purpose="look at one refund",
    owner="ana",
)
