"""The issuers of an installation, as every process builds them that mints or revokes.

Must not know: sessions, missions, who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exeat.credentials.held import HeldSecrets
from exeat.credentials.issuing import IssuerParts
from exeat.credentials.kinds import build_issuers
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.holders import Holders
from exeat.model.issuing import IssuerSpec
from exeat.ports import Issuer, Refresher
from exeat.wiring.common import Common


@dataclass(frozen=True, slots=True)
class Issuing:
    """What mints and revokes: the issuers by kind, and by service which one it has."""

    issuers: Mapping[str, Issuer]
    services: Mapping[str, IssuerSpec]
    endpoints: Endpoints
    """Holds connections to authorization servers."""

    async def close(self) -> None:
        """Close every connection; after whoever uses them."""
        for issuer in self.issuers.values():
            close = getattr(issuer, "close", None)
            if close is not None:
                await close()
        await self.endpoints.close()


def build_issuing(common: Common, refresher: Refresher, held: HeldSecrets, endpoints: Endpoints) -> Issuing:
    """Put them together; only the kinds that a service uses are loaded. ``held`` are the secrets as this process knows them.

    ``endpoints`` are closed with them.
    """
    site = common.site
    shared = {each.name: each.shared.source for each in site.services.services if each.shared is not None}
    services = {service.name: service.issuer for service in site.services.services if service.issuer is not None}
    parts = IssuerParts(
        clock=common.clock,
        keyring=common.token_keys,
        issuer_url=common.issuer_url,
        assertions=Assertions(common.token_keys, common.issuer_url, common.clock),
        endpoints=endpoints,
        tls=common.tls,
        secrets=held,
        stored=lambda service: held.get(shared.get(service, "")),
        holders=Holders(),
        refresher=refresher,
        key=common.key,
    )
    return Issuing(build_issuers((spec.kind for spec in services.values()), parts), services, endpoints)
