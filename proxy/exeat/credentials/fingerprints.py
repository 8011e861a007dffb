"""Placeholders, and the table by which the data path knows managed credentials without holding them.

Must not know: requests, or where a secret came from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from exeat.credentials.held import Replaced
from exeat.decision.recognise import FingerprintTable, Known, fingerprint, public_id
from exeat.errors import Finding
from exeat.model.identity import Agent
from exeat.model.secret import Secret
from exeat.model.service import PlaceKind, Service
from exeat.services.shapes import fill

_SHORTEST = 16
"""Characters; a shorter secret may well turn up as an ordinary value and would have such requests refused."""


_ACCESS_KEY = "AKIA{16:upper}:{40}"
"""A long-lived access key as SDKs expect one (IAM user guide, "Understanding unique ID prefixes"), and its secret."""


def shown_part(service: Service, value: str) -> str:
    """What of a credential a request shows: all of it, or of an access key its id."""
    return value.partition(":")[0] if service.holder == PlaceKind.AWS_SIGV4 else value


def placeholder(key: bytes, agent: Agent, service: Service) -> str:
    """The worthless stand-in for a service's credential: ``exeat-ph-<service>-<32 base32 characters>``, or of the service's own form.

    For AWS an access key of the form that SDKs expect: ``AKIAEXEAT…:<secret>``, one for all of its services. One per agent and
    service, the same at every start, and not to be guessed from another one without ``key``.
    """
    subkey = hmac.digest(key, b"exeat placeholder v1", hashlib.sha256)
    if service.holder == PlaceKind.AWS_SIGV4:
        return fill(_ACCESS_KEY, subkey, f"{agent.key}\0{service.holder}")
    if service.placeholder:
        return fill(service.placeholder, subkey, f"{agent.key}\0{service.name}")
    digest = hmac.digest(subkey, f"{agent.key}\0{service.name}".encode(), hashlib.sha256)
    return f"exeat-ph-{service.name}-{base64.b32encode(digest[:20]).decode('ascii').lower()}"


def build_table(
    key: bytes,
    services: Iterable[Service],
    agents: Iterable[Agent],
    shared: Mapping[str, Secret],
    replaced: Mapping[str, Sequence[Replaced]] = MappingProxyType({}),
) -> FingerprintTable:
    """Know every placeholder, and each shared credential by the name of its service, with what it ``replaced``.

    Of services that share one secret the first in ``services`` owns it; see :func:`check_shared`.
    """
    every_agent = tuple(agents)
    known: dict[bytes, Known] = {}
    lengths: set[int] = set()
    for service in services:
        for found, known_as, length in _shared(key, service, shared, replaced):
            known.setdefault(found, known_as)
            lengths.add(length)
        for agent in every_agent:
            value = shown_part(service, placeholder(key, agent, service))
            known[fingerprint(key, value)] = Known("placeholder", service.holder, agent.key, None)
            lengths.add(len(value))
    return FingerprintTable(key, known, frozenset(lengths))


def with_shared(
    table: FingerprintTable,
    services: Iterable[Service],
    shared: Mapping[str, Secret],
    replaced: Mapping[str, Sequence[Replaced]],
) -> FingerprintTable:
    """The same placeholders, and shared credentials as they are now."""
    known = {value: each for value, each in table.known.items() if each.kind != "shared"}
    lengths = set(table.lengths)  # one that nothing has any more costs an HMAC, and no more
    for service in services:
        for found, known_as, length in _shared(table.key, service, shared, replaced):
            known.setdefault(found, known_as)
            lengths.add(length)
    return FingerprintTable(table.key, known, frozenset(lengths))


def _shared(
    key: bytes, service: Service, shared: Mapping[str, Secret], replaced: Mapping[str, Sequence[Replaced]]
) -> Iterator[tuple[bytes, Known, int]]:
    """The shared credential of a service, and what it was: taken for it until its time is up, and then for a retired one.

    Each by fingerprint, with its length in characters.
    """
    retire_by = None if service.shared is None else service.shared.retire_by
    secret = shared.get(service.name)
    values = [] if secret is None else [(secret, retire_by)]
    before = replaced.get(service.name, ())
    values += [(each.value, each.until if retire_by is None else min(each.until, retire_by)) for each in before]
    for value, until in values:
        shown = shown_part(service, value.reveal())
        found = fingerprint(key, shown)
        yield found, Known("shared", service.holder, "", until, public_id(found)), len(shown)


def check_shared(key: bytes, services: Iterable[Service], shared: Mapping[str, Secret]) -> tuple[Finding, ...]:
    """Warn of shared credentials that can't be told apart, or are so short that ordinary values look like them."""
    findings: list[Finding] = []
    owners: dict[bytes, str] = {}
    for service in services:
        secret = shared.get(service.name)
        if secret is None:
            continue
        field = f"service.{service.name}.shared"
        owner = owners.setdefault(fingerprint(key, secret.reveal()), service.holder)
        if owner != service.holder:
            message = (
                f"the same credential as {owner}'s: requests to {service.name} that carry it are refused as foreign"
            )
            findings.append(
                Finding("", message, field=field, fix="give each service a credential of its own", warning=True)
            )
        if len(secret.reveal()) < _SHORTEST:
            message = f"shorter than {_SHORTEST} characters: ordinary values may be taken for it"
            findings.append(Finding("", message, field=field, fix="replace it by a longer one", warning=True))
    return tuple(findings)
