"""The parts that serve agents, put together: identities, broker, gate, listeners.

Must not know: the store, how missions are opened.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from exeat.audit.log import AuditLog
from exeat.config.endpoints import parse_listener
from exeat.credentials.broker import TokenBroker
from exeat.credentials.custody import Custody
from exeat.credentials.fingerprints import build_table
from exeat.credentials.listing import listing
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.decision.snapshot import Snapshot
from exeat.deviation.watch import Watch
from exeat.enforcement.answers.keeping import Keeper
from exeat.enforcement.answers.reader import Answers
from exeat.enforcement.deviations import Deviations
from exeat.enforcement.dial import Dialer
from exeat.enforcement.gate import Gate
from exeat.enforcement.holding import Holding
from exeat.enforcement.identify import Identifier
from exeat.enforcement.known_values import KnownValues
from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.lookup import SystemResolver
from exeat.enforcement.openings import Openings
from exeat.enforcement.parts import Parts
from exeat.enforcement.registry import Registry
from exeat.enforcement.signing.hmac import HmacSigner
from exeat.enforcement.tls import AgentSide, OriginSide
from exeat.enforcement.traffic import TrafficCount
from exeat.enforcement.worker import Worker
from exeat.enforcement.world import World
from exeat.files import load_or_create
from exeat.identity.passes import PassVerifier
from exeat.identity.short import ShortOrLong
from exeat.model.service import Handouts, PlaceKind
from exeat.model.traffic import Traffic
from exeat.ports import Lender, Opener, Refresher, TokenList
from exeat.wiring.common import Common
from exeat.wiring.holdings import read_overrides
from exeat.wiring.identity import Identities, build_identities
from exeat.wiring.issuing import Issuing, build_issuing
from exeat.wiring.secrets import values_of
from exeat.wiring.signers import build_readers


@dataclass(frozen=True, slots=True)
class Asks:
    """What a worker asks of the control plane, in this process or another."""

    ledger: Lender
    opener: Opener
    tokens: TokenList
    refresher: Refresher


@dataclass(frozen=True, slots=True)
class DataPlane:
    """One worker with everything behind it."""

    audit: AuditLog
    broker: TokenBroker
    issuing: Issuing
    """Closed after the broker."""
    identities: Identities
    custody: Custody
    worker: Worker
    holding: Holding
    """Whoever puts the processes together gives it the desk."""
    passed: TrafficCount

    def traffic(self) -> Traffic:
        """What passed since this was last asked."""
        return self.passed.take(len(self.worker.registry), self.broker.stats())

    async def close(self) -> None:
        """Let go of what is held towards issuers."""
        await self.broker.close()
        await self.issuing.close()
        await self.identities.refresher.close()


def build_data_plane(common: Common, asks: Asks) -> DataPlane:
    """Put a worker together; no mission is known yet."""
    settings, site, clock = common.loaded.settings, common.site, common.clock
    overrides = read_overrides(settings.upstream.resolve)
    world = World(
        Snapshot(
            version=common.version,
            sessions={},
            ended={},
            services=site.services,
            engine=common.bundle.engine,
            ceilings=site.ceilings,
            fingerprints=build_table(common.key, site.services.services, site.agents.values(), common.stored),
            overrides=frozenset(overrides),
            fresh=settings.policy.fresh,
        ),
        clock.boot,
    )
    issuing = build_issuing(common, asks.refresher, common.held, Endpoints(common.tls, clock))
    broker = TokenBroker(
        issuing.issuers,
        issuing.services,
        clock,
        is_live=world.is_live,
        share=1 / settings.proxy.workers,
        note=listing(asks.tokens, clock),
    )
    passes = ShortOrLong(
        common.short_key,
        settings.identity.trust_domain,
        PassVerifier(common.pass_keys, common.issuer_url, common.audience, clock),
        clock,
    )
    identities = build_identities(common.loaded, site, passes, common.tls, common.state, clock)
    upstream, limits = settings.upstream, settings.proxy.limits
    custody = Custody(common.key, clock.time, limits.custody)
    keeper = Keeper(custody, clock, Handouts(upstream.cookies, upstream.links))
    admin = parse_listener(settings.admin.listen)
    own = (*(port.address for _, port in common.ports), admin)
    registry = Registry()
    known = KnownValues(*values_of(common))
    watch = Watch(site.rules, lambda: f"f_{secrets.token_hex(16)}")
    holding = Holding(limits.hold, limits.inspected_body)
    budgets = Budgets(asks.ledger, clock)
    openings = Openings(site.templates.values(), asks.opener)
    holders = frozenset(service.name for service in site.services.services if service.credential is not None)
    passed = TrafficCount(common.audit, clock, common.audit.worker, holders)
    parts = Parts(
        answers=Answers(keeper, {each.name: each.handouts for each in site.services.services}.get),
        gate=Gate(
            world,
            Identifier(identities.prover, world, clock, openings),
            broker,
            passed,
            clock,
            keeper,
            Deviations(world, watch, known, registry, clock),
            budgets,
            openings,
            deadline=limits.decision,
            pairwise_key=load_or_create(common.state / "pairwise.key", lambda: secrets.token_bytes(32)),
            holding=holding,
            signers={PlaceKind.HMAC: HmacSigner()},
            readers=build_readers(site.services.services),
        ),
        world=world,
        dialer=Dialer(SystemResolver(), overrides, [(address.host, address.port) for address in own], limits.connect),
        agent_side=AgentSide(common.authority, clock, limits.leaf_certificates, limits.new_leaves),
        origin_side=OriginSide(common.extra_roots),
        registry=registry,
        limits=limits,
    )
    worker = Worker(parts, common.listeners, broker, clock, site.agents, budgets)
    return DataPlane(common.audit, broker, issuing, identities, custody, worker, holding, passed)
