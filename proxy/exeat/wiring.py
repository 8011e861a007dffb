"""The composition root: the only place that picks implementations and puts them together.

Must not know: logic. What runs the result is ``serving``.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exeat.audit.log import AuditLog
from exeat.clock import SystemClock
from exeat.config.endpoints import Listener, parse_listener
from exeat.config.loading import Loaded
from exeat.config.settings import Settings
from exeat.config.tables.mission import MissionTemplateTable
from exeat.credentials.broker import TokenBroker
from exeat.credentials.fingerprints import build_table, check_shared, placeholder
from exeat.credentials.issuers.jwt import JwtIssuer
from exeat.credentials.issuers.oauth_exchange import OAuthExchangeIssuer
from exeat.credentials.issuers.stored_key import StoredKeyIssuer
from exeat.credentials.keys import KeyRing
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.sources import Sources
from exeat.decision.snapshot import Snapshot
from exeat.enforcement.ca import CertificateAuthority, ensure_ca, system_roots
from exeat.enforcement.dial import Dialer, Endpoint, SystemResolver
from exeat.enforcement.gate import Gate
from exeat.enforcement.listener import Listeners
from exeat.enforcement.parts import Parts
from exeat.enforcement.registry import Registry
from exeat.enforcement.tls import AgentSide, OriginSide
from exeat.enforcement.worker import Worker
from exeat.enforcement.world import World
from exeat.errors import ConfigurationError, Finding, StartError
from exeat.files import load_or_create, private_folder
from exeat.identity.passes import PassSigner, PassVerifier
from exeat.missions.control import MissionControl
from exeat.missions.opened import ConnectionInfo
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.mission import AllowedDestination, Ceilings, MissionTemplate
from exeat.model.secret import Secret
from exeat.policy.bundle import Bundle, SchemaNames, load_bundle
from exeat.services.catalogue import build_catalogue
from exeat.services.index import ServiceIndex
from exeat.store.missions import SqliteMissionStore, open_store

_KEYLOG = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")
_OVERLAP = 3600.0
"""How long a replaced token key stays published: longer than any token lives."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the configuration alone says."""

    agents: Mapping[str, Agent]
    templates: Mapping[str, MissionTemplate]
    ceilings: Ceilings
    services: ServiceIndex
    names: SchemaNames


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
    worker: Worker
    control: MissionControl
    key_rings: tuple[KeyRing, KeyRing]
    """Of tokens, whose public half is published, and of passes."""
    bundle: Bundle
    warnings: tuple[Finding, ...]


def read_site(loaded: Loaded) -> Site:
    """Turn the settings into values; raise ConfigurationError, with file and line, for services that don't hold together."""
    settings: Settings = loaded.settings
    agents = [
        Agent(table.name, table.environment, settings.identity.trust_domain, frozenset(table.groups))
        for table in settings.agent
    ]
    allowed = tuple(
        AllowedDestination(DestinationPattern.parse(table.host, table.port), table.owner, table.reason, table.expires)
        for table in settings.destination
    )
    try:
        services = build_catalogue(settings.service)
    except ConfigurationError as error:
        raise ConfigurationError(loaded.locate(error.findings)) from None
    return Site(
        {agent.key: agent for agent in agents},
        {table.name: _template(table) for table in settings.mission_template},
        Ceilings(allowed, settings.ceilings.operations, settings.ceilings.longest_life),
        services,
        SchemaNames(
            environments=frozenset(agent.environment for agent in agents)
            | frozenset(table.environment for table in settings.service),
            groups=frozenset(group for agent in agents for group in agent.groups),
            templates=frozenset(table.name for table in settings.mission_template),
            approvers=frozenset(),
        ),
    )


def _template(table: MissionTemplateTable) -> MissionTemplate:
    return MissionTemplate(
        name=table.name,
        destinations=tuple(DestinationPattern.parse(text, 443) for text in table.destinations),
        operations=table.operations,
        ttl=table.ttl,
        agents=table.agents,
        purpose=table.purpose,
        owner=table.owner,
        read_only=table.read_only,
        labels=table.labels,
    )


def policy_folder(loaded: Loaded) -> Path | None:
    """Where the site's policies lie, if it has any."""
    path = loaded.settings.policy.path
    return None if path is None else loaded.path(path)


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
    addresses = tuple(parse_listener(url) for url in settings.proxy.listen)
    listeners = Listeners(addresses if listen else ())
    audit = _audit(loaded, state, clock)
    store = open_store(settings.store.url, loaded.base)
    key = load_or_create(state / "fingerprint.key", lambda: secrets.token_bytes(32))
    sources = Sources(loaded.base, environ)
    stored = _stored(site.services, sources)
    warnings = (*loaded.warnings, *bundle.warnings, *check_shared(key, site.services.services, stored))
    overrides = _overrides(settings.upstream.resolve)
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
    exchange = OAuthExchangeIssuer(
        Assertions(token_keys, issuer_url, clock),
        Endpoints(client_context([file for file in (system_roots(), extra_roots) if file is not None]), clock),
        _client_secrets(site.services, sources),
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
    parts = Parts(
        gate=Gate(
            world,
            PassVerifier(pass_keys, issuer_url, audience, clock),
            broker,
            audit,
            clock,
            deadline=settings.proxy.limits.decision,
            pairwise_key=load_or_create(state / "pairwise.key", lambda: secrets.token_bytes(32)),
        ),
        world=world,
        dialer=Dialer(
            SystemResolver(),
            overrides,
            [(address.host, address.port) for address in (*addresses, admin)],
            settings.proxy.limits.connect,
        ),
        agent_side=AgentSide(CertificateAuthority(state), clock, settings.proxy.limits.leaf_certificates),
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
        connection=_connection(site, state, key, addresses[0]),
    )
    return Assembly(
        loaded, site, clock, store, audit, broker, exchange, worker, control, (token_keys, pass_keys), bundle, warnings
    )


def _overrides(resolve: Mapping[str, str]) -> dict[Endpoint, Endpoint]:
    """``upstream.resolve`` as the dialler needs it; the configuration's own check has passed."""
    found: dict[Endpoint, Endpoint] = {}
    for name, target in resolve.items():
        pattern = DestinationPattern.parse(name)
        address, _, port = target.rpartition(":")
        found[pattern.host, pattern.port] = (address.strip("[]"), int(port))
    return found


def _audit(loaded: Loaded, state: Path, clock: SystemClock) -> AuditLog:
    signing = Ed25519PrivateKey.from_private_bytes(
        load_or_create(state / "audit-sign.key", lambda: secrets.token_bytes(32))
    )
    audit = AuditLog(
        loaded.path(loaded.settings.audit.path),
        load_or_create(state / "audit-seal.key", lambda: secrets.token_bytes(32)),
        clock,
        heads_folder=state / "audit-heads",
        signer=signing.sign,
    )
    audit.ensure_writable()
    return audit


def _stored(services: ServiceIndex, sources: Sources) -> Mapping[str, Secret]:
    """Every shared credential, loaded now: the request path does no I/O, and a missing one is noticed at the start."""
    return {
        service.name: sources.load(service.shared.source) for service in services.services if service.shared is not None
    }


def _client_secrets(services: ServiceIndex, sources: Sources) -> Mapping[str, Secret]:
    """By reference: every secret by which we are known to an authorization server, loaded now for the same reason."""
    exchanges = [service.issuer.exchange for service in services.services if service.issuer is not None]
    references = {each.client_secret for each in exchanges if each is not None and each.client_secret}
    return {reference: sources.load(reference) for reference in sorted(references)}


def _version(bundle: Bundle, loaded: Loaded) -> str:
    settings = hashlib.sha256(loaded.settings.model_dump_json().encode()).hexdigest()
    return f"{bundle.version[:12]}.{settings[:8]}"


def _connection(site: Site, state: Path, key: bytes, address: Listener) -> ConnectionInfo:
    holders = [service for service in site.services.services if service.credential is not None]

    def placeholders(agent: Agent) -> dict[str, str]:
        return {service.name: placeholder(key, agent, service) for service in holders}

    return ConnectionInfo(
        proxy_host=address.host,
        proxy_port=address.port,
        scheme=address.scheme,
        ca_file=str(state / "ca.pem"),
        bundle_file=str(state / "ca-bundle.pem"),
        placeholders=placeholders,
        variables={
            service.name: service.shared.source.removeprefix("env:")
            for service in holders
            if service.shared is not None and service.shared.source.startswith("env:")
        },
    )


def describe_services(services: ServiceIndex) -> list[dict[str, Any]]:
    """The catalogue for the admin API."""
    return [
        {
            "name": service.name,
            "hosts": list(service.hosts),
            "sensitivity": service.sensitivity,
            "issuer": service.issuer.kind if service.issuer else None,
            "retire_by": service.shared.retire_by if service.shared else None,
            "operations": sorted({f"{service.name}:{operation.action}" for operation in service.operations}),
        }
        for service in services.services
    ]
