"""Placeholders, and the table by which the data path knows managed credentials without holding them.

Must not know: requests, or where a secret came from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from exeat.decision.recognise import FingerprintTable, Known, fingerprint, public_id
from exeat.errors import Finding
from exeat.model.identity import Agent
from exeat.model.secret import Secret
from exeat.model.service import Service
from exeat.services.shapes import fill

_SHORTEST = 16
"""Characters; a shorter secret may well turn up as an ordinary value and would have such requests refused."""


def placeholder(key: bytes, agent: Agent, service: Service) -> str:
    """The worthless stand-in for a service's credential: ``exeat-ph-<service>-<32 base32 characters>``, or of the service's own form.

    One per agent and service, the same at every start, and not to be guessed from another one without ``key``.
    """
    subkey = hmac.digest(key, b"exeat placeholder v1", hashlib.sha256)
    if service.placeholder:
        return fill(service.placeholder, subkey, f"{agent.key}\0{service.name}")
    digest = hmac.digest(subkey, f"{agent.key}\0{service.name}".encode(), hashlib.sha256)
    return f"exeat-ph-{service.name}-{base64.b32encode(digest[:20]).decode('ascii').lower()}"


def build_table(
    key: bytes, services: Iterable[Service], agents: Iterable[Agent], shared: Mapping[str, Secret]
) -> FingerprintTable:
    """Know every placeholder, and each shared credential by the name of its service.

    Of services that share one secret the first in ``services`` owns it; see :func:`check_shared`.
    """
    every_agent = tuple(agents)
    known: dict[bytes, Known] = {}
    lengths: set[int] = set()
    for service in services:
        secret = shared.get(service.name)
        if secret is not None:
            retire_by = service.shared.retire_by if service.shared is not None else None
            found = fingerprint(key, secret.reveal())
            known.setdefault(found, Known("shared", service.name, "", retire_by, public_id(found)))
            lengths.add(len(secret.reveal()))
        for agent in every_agent:
            value = placeholder(key, agent, service)
            known[fingerprint(key, value)] = Known("placeholder", service.name, agent.key, None)
            lengths.add(len(value))
    return FingerprintTable(key, known, frozenset(lengths))


def check_shared(key: bytes, services: Iterable[Service], shared: Mapping[str, Secret]) -> tuple[Finding, ...]:
    """Warn of shared credentials that can't be told apart, or are so short that ordinary values look like them."""
    findings: list[Finding] = []
    owners: dict[bytes, str] = {}
    for service in services:
        secret = shared.get(service.name)
        if secret is None:
            continue
        field = f"service.{service.name}.shared"
        owner = owners.setdefault(fingerprint(key, secret.reveal()), service.name)
        if owner != service.name:
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
