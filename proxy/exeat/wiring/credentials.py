"""The shared credentials as the configuration has them now, by fingerprint: what the inventory compares its counts with.

Must not know: counts, anything that runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from exeat.credentials.fingerprints import shown_part
from exeat.credentials.held import Replaced
from exeat.decision.recognise import fingerprint, public_id
from exeat.model.credential_use import RegisteredCredential
from exeat.model.issuing import Grade
from exeat.model.secret import Secret
from exeat.model.service import Service
from exeat.services.index import ServiceIndex

_BEST = (Grade.A, Grade.B, Grade.C, Grade.NONE)


def registered_credentials(
    services: ServiceIndex, stored: Mapping[str, Secret], key: bytes, replaced: Mapping[str, Sequence[Replaced]]
) -> tuple[RegisteredCredential, ...]:
    """Each credential once, in the order of the services: several may share one. Then what was ``replaced`` lately."""
    holders: dict[str, list[Service]] = defaultdict(list)
    for service in services.services:
        secret = stored.get(service.name)
        if secret is not None and service.shared is not None:
            holders[_name(key, service, secret)].append(service)
    found = {name: _registered(name, tuple(each)) for name, each in holders.items()}
    for service in services.services:
        for before in replaced.get(service.name, ()):
            name = _name(key, service, before.value)
            found.setdefault(
                name, replace(_registered(name, (service,)), retire_by=before.until, kept=False, replaced=True)
            )
    return tuple(found.values())


def _name(key: bytes, service: Service, value: Secret) -> str:
    return public_id(fingerprint(key, shown_part(service, value.reveal())))


def _registered(name: str, services: tuple[Service, ...]) -> RegisteredCredential:
    shared = [service.shared for service in services if service.shared is not None]
    dates = [each.retire_by for each in shared if each.retire_by is not None]
    grades = [service.issuer.grade for service in services if service.issuer is not None]
    return RegisteredCredential(
        name,
        tuple(service.name for service in services),
        tuple(dict.fromkeys(each.source for each in shared)),
        {service.name: service.issuer.kind for service in services if service.issuer is not None},
        min(grades, key=_BEST.index, default=Grade.NONE).value,
        min(dates, default=None),
        any(service.sends_shared for service in services),
    )
