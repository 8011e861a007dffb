"""What every process of an installation needs, read and loaded once: site, policies, keys, audit.

Must not know: who serves agents and who serves operators.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exeat.audit.log import AuditLog
from exeat.clock import SystemClock
from exeat.config.listeners import Place
from exeat.config.loading import Loaded
from exeat.credentials.fingerprints import check_shared
from exeat.credentials.held import HeldSecrets
from exeat.credentials.keys import KeyRing
from exeat.credentials.oauth.endpoint import client_context
from exeat.credentials.sealing import Sealer
from exeat.credentials.sources import Sources
from exeat.enforcement.ca import CertificateAuthority, ensure_ca, system_roots
from exeat.enforcement.listener import Listeners, Port
from exeat.errors import Finding, StartError
from exeat.files import load_or_create, private_folder
from exeat.model.secret import Secret
from exeat.policy.bundle import Bundle, load_bundle
from exeat.wiring.holdings import load_here, load_sealer, open_audit, references_of
from exeat.wiring.site import Site, policy_folder, read_site
from exeat.wiring.ways import build_ports

_KEYLOG = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")
_OVERLAP = 3600.0
"""How long a replaced token key stays published: longer than any token lives."""


@dataclass(slots=True)
class Common:
    """Everything that data plane and control plane share, in one process or in several.

    ``loaded``, ``site`` and ``bundle`` are replaced when the configuration changes (``wiring.reload``).
    """

    loaded: Loaded
    site: Site
    bundle: Bundle
    clock: SystemClock
    state: Path
    authority: CertificateAuthority
    ports: tuple[tuple[Place, Port], ...]
    listeners: Listeners
    audit: AuditLog
    sources: Sources
    sealer: Sealer
    """Of secrets in the store."""
    held: HeldSecrets
    """Every secret that the data path uses or looks for, by reference."""
    key: bytes = field(repr=False)
    """Of fingerprints and placeholders."""
    short_key: bytes = field(repr=False)
    token_keys: KeyRing
    pass_keys: KeyRing
    tls: ssl.SSLContext
    """Of our own calls: to issuers and to fetch keys."""
    warnings: tuple[Finding, ...]

    @property
    def stored(self) -> Mapping[str, Secret]:
        """The shared credentials that are known, by service."""
        return {
            service.name: value
            for service in self.site.services.services
            if service.shared is not None and (value := self.held.get(service.shared.source)) is not None
        }

    @property
    def issuer_url(self) -> str:
        """The ``iss`` of our tokens and passes."""
        return self.loaded.settings.issuer.url or self.loaded.settings.admin.listen

    @property
    def audience(self) -> str:
        """The ``aud`` of our passes."""
        return f"exeat:{self.loaded.settings.identity.trust_domain}"

    @property
    def extra_roots(self) -> Path | None:
        """Roots that origins are trusted by besides the system's."""
        file = self.loaded.settings.upstream.ca_file
        return None if file is None else self.loaded.path(file)

    @property
    def version(self) -> str:
        """Of policies and settings together."""
        settings = hashlib.sha256(self.loaded.settings.model_dump_json().encode()).hexdigest()
        return f"{self.bundle.version[:12]}.{settings[:8]}"


def prepare(
    loaded: Loaded,
    environ: Mapping[str, str] = os.environ,
    *,
    chain: str = "w0",
    listen: bool = True,
    sockets: Sequence[socket.socket] | None = None,
) -> Common:
    """Read and load all of it, ports bound and an audit chain of this name open.

    Without ``listen`` somebody else accepts the connections; ``sockets`` are those that somebody else has bound. Raise
    StartError and its kin before anything is served.
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
    ports = tuple(build_ports(loaded, authority, site.services, clock))
    listeners = Listeners([port for _, port in ports] if listen else (), sockets)
    audit = open_audit(loaded, state, clock, chain)
    key = load_or_create(state / "fingerprint.key", lambda: secrets.token_bytes(32))
    short_key = load_or_create(state / "short-pass.key", lambda: secrets.token_bytes(32))
    sources = Sources(loaded.base, environ)
    sealer = load_sealer(settings.secrets, sources, state)
    held = load_here(references_of(site.services, settings.honeytoken), sources)
    token_keys = KeyRing.load_or_create(
        state / "token-keys", "token", settings.issuer.algorithm, settings.issuer.rotate, _OVERLAP, clock
    )
    pass_keys = KeyRing.load_or_create(
        state / "pass-keys", "pass", "ES256", settings.issuer.rotate, settings.ceilings.longest_life + 60, clock
    )
    extra_roots = loaded.path(settings.upstream.ca_file) if settings.upstream.ca_file else None
    tls = client_context([file for file in (system_roots(), extra_roots) if file is not None])
    common = Common(
        loaded, site, bundle, clock, state, authority, ports, listeners, audit, sources, sealer, held, key, short_key, token_keys,
        pass_keys, tls, (*loaded.warnings, *bundle.warnings),
    )  # fmt: skip
    common.warnings += check_shared(key, site.services.services, common.stored)
    return common
