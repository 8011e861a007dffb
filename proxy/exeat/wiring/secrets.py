"""Secrets as the data path knows them, at the start and whenever one changes.

Must not know: where they are read, who changed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exeat.credentials.fingerprints import with_shared
from exeat.credentials.held import Replaced
from exeat.model.issuing import Grade
from exeat.model.issuing.aws import AwsRole
from exeat.model.secret import Secret
from exeat.model.service import PlaceKind
from exeat.sigv4 import read_keys
from exeat.wiring.common import Common
from exeat.wiring.holdings import honeytokens_of, issuer_references

if TYPE_CHECKING:
    from exeat.wiring.data_plane import DataPlane


def values_of(common: Common) -> tuple[Mapping[str, Secret], Mapping[str, Secret], Sequence[tuple[str, Secret]]]:
    """What must not leave: secrets by service, honeytokens by name, and what secrets were before."""
    services, held = common.site.services.services, common.held
    details = [each.issuer.details for each in services if each.issuer is not None and each.issuer.details is not None]
    public = {reference for each in details for reference in each.public()}  # names and certificates hide nothing
    issuers = sorted({reference for service in services for reference in issuer_references(service)} - public)
    signed = {service.name for service in services if service.holder == PlaceKind.AWS_SIGV4}
    keys = {each.access_key for each in details if isinstance(each, AwsRole)}
    towards = {
        f"issuer secret {number}": _secret_of(value) if reference in keys else value
        for number, reference in enumerate(issuers, 1)
        if (value := held.get(reference)) is not None
    }
    shared = {name: _secret_of(value) if name in signed else value for name, value in common.stored.items()}
    before = [
        (name, _secret_of(each.value) if name in signed else each.value)
        for name, replaced in replaced_of(common).items()
        for each in replaced
    ]
    before += [
        ("an issuer", _secret_of(each.value) if reference in keys else each.value)
        for reference in issuers
        for each in held.replaced(reference)
    ]
    return {**shared, **towards}, honeytokens_of(common.loaded.settings.honeytoken, held), before


def _secret_of(key: Secret) -> Secret:
    """The secret of an access key written as ``KEY_ID:SECRET``, for its id stands in every signature; of anything else, all of it."""
    try:
        return read_keys(key).secret
    except ValueError:
        return key


def replaced_of(common: Common) -> Mapping[str, Sequence[Replaced]]:
    """What shared credentials were, by service."""
    return {
        service.name: replaced
        for service in common.site.services.services
        if service.shared is not None and (replaced := common.held.replaced(service.shared.source))
    }


def take_over_secrets(common: Common, data: DataPlane, said: Mapping[str, Any]) -> int:
    """Let a worker go by the secrets as they are now, in one step of its loop; return how many are different."""
    changed = common.held.hear(said)
    services, replaced = common.site.services.services, replaced_of(common)
    table = with_shared(data.worker.world.snapshot.fingerprints, services, common.stored, replaced)
    made_of = {
        service.name
        for service in services
        if service.issuer is not None
        and service.issuer.grade is Grade.C
        and changed.intersection((*issuer_references(service), service.shared.source if service.shared else ""))
    }
    before = {name: [each.value for each in values] for name, values in replaced.items()}
    data.worker.replace_secrets(table, before, made_of)
    data.worker.parts.gate.deviations.known.become(*values_of(common))
    return len(changed)
