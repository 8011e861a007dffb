"""What is wrong with who may vouch for agents, and with what means one: nothing may mean two.

Must not know: how evidence is verified, files, lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations

from exeat.config.listeners import Path, Problem, places
from exeat.config.settings import Settings
from exeat.config.tables.identity import JwtIssuerTable, JwtSubjectTable
from exeat.model.identity import SPIFFE_ID

_TRUST_DOMAIN = re.compile(r"spiffe://[a-z0-9._-]{1,255}")
_NAME = re.compile(r"[!-~]+")
_POINTER = re.compile(r"(?:/(?:[^/~]|~[01])*)+")


def identity_problems(settings: Settings) -> Iterator[Problem]:
    """Everything that makes evidence ambiguous, or impossible to show."""
    yield from _issuers(settings)
    yield from _subjects(settings)
    yield from _spiffe_ids(settings)
    yield from _addresses(settings)
    yield from _kinds(settings)


def _issuers(settings: Settings) -> Iterator[Problem]:
    own = settings.issuer.url or settings.admin.listen
    seen: set[str] = set()
    for index, table in enumerate(settings.identity.jwt):
        at: Path = ("identity", "jwt", index)
        if table.issuer in seen:
            yield Problem((*at, "issuer"), "is trusted twice", "merge the two")
        seen.add(table.issuer)
        if table.issuer == own:
            fix = "remove it; agents show the pass of their mission"
            yield Problem((*at, "issuer"), "is this installation: its tokens are for services, not for agents", fix)
        yield from _issuer(at, table)


def _issuer(at: Path, table: JwtIssuerTable) -> Iterator[Problem]:
    spiffe = table.kind == "spiffe"
    if not (_TRUST_DOMAIN if spiffe else _NAME).fullmatch(table.issuer):
        message = "must be a trust domain" if spiffe else "must be the tokens' iss: printable, without spaces"
        yield Problem((*at, "issuer"), message, f'as in "{"spiffe" if spiffe else "https"}://example.org"')
    elif not spiffe and table.issuer.startswith("spiffe://"):
        yield Problem((*at, "kind"), "is oidc or kubernetes, and the issuer a trust domain", 'kind = "spiffe"')
    if bool(table.jwks_url) == (table.jwks_file is not None):
        fix = 'jwks_url = "https://…", or jwks_file = "keys.json"'
        yield Problem((*at, "jwks_url"), "or jwks_file says where its keys are: exactly one of them", fix)
    if table.once and "jti" in table.without:
        yield Problem((*at, "once"), "needs the jti that this issuer never writes", "remove one of the two")
    if table.keep < table.refresh:
        yield Problem((*at, "keep"), "is shorter than refresh: there would be times without keys", 'keep = "1h"')


def _subjects(settings: Settings) -> Iterator[Problem]:
    issuers = {table.issuer: table.kind for table in settings.identity.jwt}
    found: list[tuple[int, Path, JwtSubjectTable]] = []
    for index, agent in enumerate(settings.agent):
        for number, table in enumerate(agent.jwt):
            at: Path = ("agent", index, "jwt", number)
            if table.issuer not in issuers:
                close = get_close_matches(table.issuer, issuers, 1)
                fix = f"did you mean {close[0]!r}?" if close else "add it as [[identity.jwt]]"
                yield Problem((*at, "issuer"), "is not trusted", fix)
            elif issuers[table.issuer] == "spiffe":
                fix = f'spiffe = ["{table.subject if SPIFFE_ID.fullmatch(table.subject) else "spiffe://…"}"]'
                yield Problem((*at, "issuer"), "is a trust domain: its subjects are SPIFFE IDs", fix)
            for name in table.claims:
                if name.startswith("/") and not _POINTER.fullmatch(name):
                    yield Problem((*at, "claims", name), "is no JSON Pointer", 'as in "/kubernetes.io/namespace"')
            found.append((index, at, table))
    for (one, _, first), (other, at, second) in combinations(found, 2):
        if one != other and (first.issuer, first.subject) == (second.issuer, second.subject):
            if any(name in second.claims and second.claims[name] != text for name, text in first.claims.items()):
                continue  # no token fits both
            whose = f"means {_who(settings, one)} as well"
            yield Problem((*at, "subject"), whose, "tell the two apart by a claim that has another value in each")


def _spiffe_ids(settings: Settings) -> Iterator[Problem]:
    domain = settings.identity.trust_domain
    owners = {
        f"spiffe://{domain}/env/{agent.environment}/agent/{agent.name}": index
        for index, agent in enumerate(settings.agent)
    }
    for index, agent in enumerate(settings.agent):
        for number, text in enumerate(agent.spiffe):
            at: Path = ("agent", index, "spiffe", number)
            if not SPIFFE_ID.fullmatch(text):
                fix = 'as in "spiffe://example.org/ns/agents/sa/invoice"'
                yield Problem(at, "is no SPIFFE ID with a path", fix)
            elif owners.setdefault(text, index) != index:
                yield Problem(at, f"means {_who(settings, owners[text])} as well", "give each agent its own")


def _addresses(settings: Settings) -> Iterator[Problem]:
    found: list[tuple[int, Path, IPv4Network | IPv6Network]] = []
    for index, agent in enumerate(settings.agent):
        for number, text in enumerate(agent.addresses):
            at: Path = ("agent", index, "addresses", number)
            try:
                network = ip_network(text)
            except ValueError:
                fix = 'as in "10.1.2.3", "10.2.0.0/24" or "fd00::/64"'
                yield Problem(at, "is neither an address nor a network without host bits", fix)
                continue
            if network.prefixlen == 0:
                yield Problem(at, "is everybody", "name the networks that are this agent's alone")
            elif network.is_link_local:
                yield Problem(at, "is link-local: another host on each link", "name an address that means one host")
            elif isinstance(network, IPv6Network) and (network.network_address.ipv4_mapped or "%" in text):
                yield Problem(
                    at, "is a written form no connection is known by", "write the IPv4 address, without a zone"
                )
            found.append((index, at, network))
    for (one, _, first), (other, at, second) in combinations(found, 2):
        if one != other and first.version == second.version and first.overlaps(second):
            yield Problem(at, f"overlaps with {first} of {_who(settings, one)}", "an address can mean one agent only")


def _kinds(settings: Settings) -> Iterator[Problem]:
    """Evidence that counts somewhere and that nobody could ever show."""
    needs = {
        "jwt": (settings.identity.jwt, "no issuer is trusted", "add one as [[identity.jwt]]"),
        "address": (
            [agent for agent in settings.agent if agent.addresses],
            "no agent has addresses",
            'addresses = ["10.1.2.3"] in [[agent]]',
        ),
        "placeholder": (settings.service, "there is no service", "add one as [[service]]"),
    }
    said: set[tuple[Path, str]] = set()
    for place in places(settings):
        at: Path = (*place.path, "evidence") if place.table.evidence else ("identity", "evidence")
        for kind, (settled, message, fix) in needs.items():
            if kind in place.evidence and not settled and (at, kind) not in said:
                said.add((at, kind))
                yield Problem(at, f"names {kind}, and {message}", fix)
        if place.require_all and {"pass", "jwt"} <= set(place.evidence) and (at, "all") not in said:
            said.add((at, "all"))
            fix = "leave one of the two, or require any"
            yield Problem(at, "needs pass and jwt, and a connection can show only one of the two", fix)


def _who(settings: Settings, index: int) -> str:
    agent = settings.agent[index]
    return f"{agent.environment}/{agent.name}"
