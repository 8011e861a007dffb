"""What is opened and loaded at the start: the audit, shared credentials, client secrets, fixed addresses.

Must not know: who uses them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exeat.audit.log import AuditLog
from exeat.clock import SystemClock
from exeat.config.loading import Loaded
from exeat.config.tables.deviation import HoneytokenTable
from exeat.config.tables.secrets import SecretsTable
from exeat.credentials.held import HeldSecrets
from exeat.credentials.sealing import Sealer, SealingKey
from exeat.credentials.sources import Sources, is_elsewhere
from exeat.enforcement.dial import Endpoint
from exeat.errors import StartError
from exeat.files import load_or_create
from exeat.model.destination import DestinationPattern
from exeat.model.secret import Secret
from exeat.model.service import Service
from exeat.services.index import ServiceIndex


def read_overrides(resolve: Mapping[str, str]) -> dict[Endpoint, Endpoint]:
    """``upstream.resolve`` as the dialler needs it; the configuration's own check has passed."""
    found: dict[Endpoint, Endpoint] = {}
    for name, target in resolve.items():
        pattern = DestinationPattern.parse(name)
        address, _, port = target.rpartition(":")
        found[pattern.host, pattern.port] = (address.strip("[]"), int(port))
    return found


def open_audit(loaded: Loaded, state: Path, clock: SystemClock, chain: str) -> AuditLog:
    """The audit log of one process, its keys in ``state``; raise as :meth:`AuditLog.ensure_writable` does when it can't be written."""
    signing = Ed25519PrivateKey.from_private_bytes(
        load_or_create(state / "audit-sign.key", lambda: secrets.token_bytes(32))
    )
    audit = AuditLog(
        loaded.path(loaded.settings.audit.path),
        load_or_create(state / "audit-seal.key", lambda: secrets.token_bytes(32)),
        clock,
        chain,
        heads_folder=state / "audit-heads",
        signer=signing.sign,
    )
    audit.ensure_writable()
    return audit


def issuer_references(service: Service) -> Sequence[str]:
    """The secrets by which we are known to a service's issuer."""
    details = None if service.issuer is None else service.issuer.details
    return () if details is None else details.secrets()


def references_of(services: ServiceIndex, honeytokens: Iterable[HoneytokenTable]) -> frozenset[str]:
    """Every secret that the data path uses or looks for: shared credentials, ours towards issuers, honeytokens."""
    shared = {service.shared.source for service in services.services if service.shared is not None}
    issuers = {reference for service in services.services for reference in issuer_references(service)}
    return frozenset(shared | issuers | {table.source for table in honeytokens})


def used_by(services: ServiceIndex, honeytokens: Iterable[HoneytokenTable]) -> Mapping[str, Sequence[str]]:
    """By name: which places of the configuration have a secret of our store."""
    found: dict[str, list[str]] = {}
    places = [(f"service {each.name}", each.shared.source) for each in services.services if each.shared is not None]
    places += [(f"issuer of {each.name}", ref) for each in services.services for ref in issuer_references(each)]
    places += [(f"honeytoken {table.name}", table.source) for table in honeytokens]
    for place, reference in places:
        if reference.startswith("store:"):
            found.setdefault(reference.removeprefix("store:"), []).append(place)
    return found


def load_here(references: Iterable[str], sources: Sources) -> HeldSecrets:
    """Those that lie on this host, loaded now: the request path does no I/O, and a missing one is noticed at the start."""
    return HeldSecrets({each: sources.load(each) for each in sorted(references) if not is_elsewhere(each)})


def load_sealer(table: SecretsTable, sources: Sources, state: Path) -> Sealer:
    """What seals secrets in the store: under the configured key, or one that is made in ``state`` at the first start."""
    own = load_or_create(state / "sealing.key", lambda: secrets.token_bytes(32)) if table.key is None else None
    named = [*([] if table.key is None else [table.key]), *table.previous_keys]
    material = [sources.load(reference).reveal().encode("ascii") for reference in named]
    return Sealer([SealingKey.derive(each) for each in (*([] if own is None else [own]), *material)])


_SHORTEST = 16
"""Characters of a honeytoken; a shorter one may well turn up as an ordinary value."""


def honeytokens_of(tables: Iterable[HoneytokenTable], held: HeldSecrets) -> Mapping[str, Secret]:
    """By name: every honeytoken that is known by now; raise StartError for one that is too short to be told."""
    found = {table.name: value for table in tables if (value := held.get(table.source)) is not None}
    for name, value in found.items():
        if len(value.reveal()) < _SHORTEST:
            raise StartError(
                f"honeytoken {name} is too short to be told from other values", f"make it {_SHORTEST} characters"
            )
    return found
