"""Who agents are, as the configuration says: issuers, names, and what judges evidence.

Must not know: connections, missions.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from exeat.config.loading import Loaded
from exeat.config.settings import Settings
from exeat.config.tables.identity import AgentTable, JwtIssuerTable, JwtSubjectTable
from exeat.errors import StartError
from exeat.identity.agents import AgentIndex, Names, TokenSubject
from exeat.identity.issuer import REQUIRED, TYPES, TrustedIssuer
from exeat.identity.issuer_keys import IssuerKeys, Schedule
from exeat.identity.jwks_fetch import Fetcher, FetchError, FileSource, Source, UrlSource
from exeat.identity.prove import Prover
from exeat.identity.refresh import KeyRefresher
from exeat.identity.replays import Replays
from exeat.identity.tokens import TokenVerifier
from exeat.ports import Clock, PassVerifier
from exeat.services.readers.pointers import parse_pointer
from exeat.wiring.site import Site


@dataclass(frozen=True, slots=True)
class Identities:
    """What judges evidence, and what has to be looked after while it does."""

    prover: Prover
    refresher: KeyRefresher
    replays: Replays


def build_identities(
    loaded: Loaded, site: Site, passes: PassVerifier, tls: ssl.SSLContext, state: Path, clock: Clock
) -> Identities:
    """Put it together; raise StartError for a key file that can't be read."""
    fetcher = Fetcher(tls)
    issuers = [_issuer(loaded, table, fetcher, clock) for table in loaded.settings.identity.jwt]
    replays = Replays(state / "tokens-shown", clock)
    tokens = TokenVerifier([keys for keys, _ in issuers], replays, clock)
    prover = Prover(agent_index(loaded.settings, site), passes, tokens)
    return Identities(prover, KeyRefresher(issuers, fetcher), replays)


def agent_index(settings: Settings, site: Site) -> AgentIndex:
    """Which agent a piece of evidence means."""
    names = {f"{table.environment}/{table.name}": _names(table) for table in settings.agent}
    return AgentIndex(site.agents.values(), names)


def _issuer(loaded: Loaded, table: JwtIssuerTable, fetcher: Fetcher, clock: Clock) -> tuple[IssuerKeys, Source]:
    required = REQUIRED[table.kind].difference(table.without) | ({"jti"} if table.once else set())
    issuer = TrustedIssuer(
        table.issuer,
        table.kind,
        table.audience,
        frozenset(table.algorithms),
        required,
        frozenset({table.typ.lower().removeprefix("application/")}) if table.typ else TYPES[table.kind],
        table.longest_life,
        table.leeway,
        table.once,
    )
    keys = IssuerKeys(issuer, Schedule(table.refresh, table.keep), clock)
    if table.jwks_file is None:
        return keys, UrlSource(table.jwks_url, fetcher)
    source = FileSource(loaded.path(table.jwks_file))
    try:
        found = keys.replace(source.read(), keys.begin())
    except (FetchError, ValueError) as error:
        raise StartError(f"the keys of {table.issuer}: {error}", "check identity.jwt.jwks_file") from None
    if not found:
        raise StartError(f"the keys of {table.issuer}: none can be used", "check algorithms and each key's kid and use")
    return keys, source


def _names(table: AgentTable) -> Names:
    return Names(
        table.spiffe,
        tuple(_subject(entry) for entry in table.jwt),
        tuple(ip_network(text) for text in table.addresses),
    )


def _subject(table: JwtSubjectTable) -> TokenSubject:
    claims = tuple(
        (parse_pointer(name) if name.startswith("/") else (name,), text) for name, text in table.claims.items()
    )
    return TokenSubject(table.issuer, table.subject, claims)
