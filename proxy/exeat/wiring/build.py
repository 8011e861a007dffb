"""Every part picked and put together, ports bound and files open.

Must not know: logic. What runs the result is ``serving``.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from exeat.audit.log import AuditLog
from exeat.clock import SystemClock
from exeat.config.endpoints import parse_listener
from exeat.config.loading import Loaded
from exeat.credentials.broker import TokenBroker
from exeat.credentials.custody import Custody
from exeat.credentials.fingerprints import build_table, check_shared
from exeat.credentials.issuers.jwt import JwtIssuer
from exeat.credentials.issuers.oauth_exchange import OAuthExchangeIssuer
from exeat.credentials.issuers.stored_key import StoredKeyIssuer
from exeat.credentials.keys import KeyRing
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.sources import Sources
from exeat.decision.snapshot import Snapshot
from exeat.enforcement.answers.keeping import Keeper
from exeat.enforcement.answers.reader import Answers
from exeat.enforcement.ca import CertificateAuthority, ensure_ca, system_roots
from exeat.enforcement.dial import Dialer
from exeat.enforcement.gate import Gate
from exeat.enforcement.identify import Identifier
from exeat.enforcement.listener import Listeners
from exeat.enforcement.lookup import SystemResolver
from exeat.enforcement.parts import Parts
from exeat.enforcement.registry import Registry
from exeat.enforcement.tls import AgentSide, OriginSide
from exeat.enforcement.worker import Worker
from exeat.enforcement.world import World
from exeat.errors import Finding, StartError
from exeat.files import load_or_create, private_folder
from exeat.identity.passes import PassSigner, PassVerifier
from exeat.identity.short import ShortOrLong
from exeat.missions.control import MissionControl
from exeat.model.service import Handouts
from exeat.policy.bundle import Bundle, load_bundle
from exeat.store.missions import SqliteMissionStore, open_store
from exeat.wiring.connecting import connection_info
from exeat.wiring.holdings import load_client_secrets, load_shared, open_audit, read_overrides
from exeat.wiring.identity import Identities, build_identities
from exeat.wiring.site import Site, policy_folder, read_site
from exeat.wiring.ways import build_ports

_KEYLOG = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")
_OVERLAP = 3600.0
"""How long a replaced token key stays published: longer than any token lives."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that runs, put together."""

    loaded: Loaded
    site: Site
    clock: SystemClock
    store: SqliteMissionStore
    audit: AuditLog
    broker: TokenBroker
    exchange: OAuthExchangeIssuer
    """Holds connections to authorization servers: closed after the broker."""
    identities: Identities
    worker: Worker
    control: MissionControl
    key_rings: tuple[KeyRing, KeyRing]
    """Of tokens, whose public half is published, and of passes."""
    bundle: Bundle
    warnings: tuple[Finding, ...]


def build(loaded: Loaded, environ: Mapping[str, str] = os.environ, *, listen: bool = True) -> Assembly:
    """Put a whole worker together, ports bound and files open; raise StartError and its kin before anything is served.

    Without ``listen`` somebody else accepts the connections (stock mitmproxy).
    """
    for variable in _KEYLOG:
        if environ.get(variable):
            raise StartError(
                f"{variable} is set: every TLS secret would be written to a file", f"unset {variable} and start again"
            )
    settings = loaded.settings
    clock = SystemClock()
    site = read_site(loaded)
    bundle = load_bundle(policy_folder(loaded), site.services.services, site.names)
    state = private_folder(loaded.path(settings.state.path))
    ensure_ca(state)
    authority = CertificateAuthority(state)
    configured = build_ports(loaded, authority, site.services, clock)
    ports = [port for _, port in configured]
    listeners = Listeners(ports if listen else ())
    audit = open_audit(loaded, state, clock)
    store = open_store(settings.store.url, loaded.base)
    key = load_or_create(state / "fingerprint.key", lambda: secrets.token_bytes(32))
    short_key = load_or_create(state / "short-pass.key", lambda: secrets.token_bytes(32))
    sources = Sources(loaded.base, environ)
    stored = load_shared(site.services, sources)
    warnings = (*loaded.warnings, *bundle.warnings, *check_shared(key, site.services.services, stored))
    overrides = read_overrides(settings.upstream.resolve)
    world = World(
        Snapshot(
            version=_version(bundle, loaded),
            sessions={},
            ended={},
            services=site.services,
            engine=bundle.engine,
            ceilings=site.ceilings,
            fingerprints=build_table(key, site.services.services, site.agents.values(), stored),
            overrides=frozenset(overrides),
        )
    )
    issuer_url = settings.issuer.url or settings.admin.listen
    token_keys = KeyRing.load_or_create(
        state / "token-keys", "token", settings.issuer.algorithm, settings.issuer.rotate, _OVERLAP, clock
    )
    pass_keys = KeyRing.load_or_create(
        state / "pass-keys", "pass", "ES256", settings.issuer.rotate, settings.ceilings.longest_life + 60, clock
    )
    extra_roots = loaded.path(settings.upstream.ca_file) if settings.upstream.ca_file else None
    tls = client_context([file for file in (system_roots(), extra_roots) if file is not None])
    exchange = OAuthExchangeIssuer(
        Assertions(token_keys, issuer_url, clock),
        Endpoints(tls, clock),
        load_client_secrets(site.services, sources),
        key,
        clock,
    )
    broker = TokenBroker(
        {
            "jwt": JwtIssuer(token_keys, issuer_url, clock),
            "stored_key": StoredKeyIssuer(stored, key),
            "oauth_exchange": exchange,
        },
        {service.name: service.issuer for service in site.services.services if service.issuer is not None},
        clock,
        is_live=world.is_live,
    )
    admin = parse_listener(settings.admin.listen)
    audience = f"exeat:{settings.identity.trust_domain}"
    trust_domain = settings.identity.trust_domain
    passes = ShortOrLong(short_key, trust_domain, PassVerifier(pass_keys, issuer_url, audience, clock), clock)
    identities = build_identities(loaded, site, passes, tls, state, clock)
    upstream = settings.upstream
    keeper = Keeper(
        Custody(key, clock.time, settings.proxy.limits.custody), clock, Handouts(upstream.cookies, upstream.links)
    )
    parts = Parts(
        answers=Answers(keeper, {each.name: each.handouts for each in site.services.services}.get),
        gate=Gate(
            world,
            Identifier(identities.prover, world, clock),
            broker,
            audit,
            clock,
            keeper,
            deadline=settings.proxy.limits.decision,
            pairwise_key=load_or_create(state / "pairwise.key", lambda: secrets.token_bytes(32)),
        ),
        world=world,
        dialer=Dialer(
            SystemResolver(),
            overrides,
            [(address.host, address.port) for address in (*(port.address for port in ports), admin)],
            settings.proxy.limits.connect,
        ),
        agent_side=AgentSide(
            authority, clock, settings.proxy.limits.leaf_certificates, settings.proxy.limits.new_leaves
        ),
        origin_side=OriginSide(extra_roots),
        registry=Registry(),
        limits=settings.proxy.limits,
    )
    worker = Worker(parts, listeners, broker, clock, site.agents)
    control = MissionControl(
        store=store,
        clock=clock,
        audit=audit,
        feed=worker.apply,
        passes=PassSigner(pass_keys, issuer_url, audience, clock),
        agents=site.agents,
        templates=site.templates,
        ceilings=site.ceilings,
        expand=site.services.expand,
        connection=connection_info(site, state, key, short_key, configured),
    )
    rings = (token_keys, pass_keys)
    return Assembly(
        loaded, site, clock, store, audit, broker, exchange, identities, worker, control, rings, bundle, warnings
    )


def _version(bundle: Bundle, loaded: Loaded) -> str:
    settings = hashlib.sha256(loaded.settings.model_dump_json().encode()).hexdigest()
    return f"{bundle.version[:12]}.{settings[:8]}"
