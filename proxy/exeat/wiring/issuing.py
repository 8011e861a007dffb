"""The issuers of an installation, as every process builds them that mints or revokes.

Must not know: sessions, missions, who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.credentials.held import HeldSecrets
from exeat.credentials.issuing import IssuerParts
from exeat.credentials.kinds import build_issuers
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.holders import Holders
from exeat.model.issuing import IssuerSpec
from exeat.model.secret import Secret
from exeat.ports import Issuer, Refresher
from exeat.wiring.common import Common
from exeat.wiring.holdings import load_issuer_secrets


@dataclass(frozen=True, slots=True)
class Issuing:
    """What mints and revokes: the issuers by kind, and by service which one it has."""

    issuers: Mapping[str, Issuer]
    services: Mapping[str, IssuerSpec]
    secrets: HeldSecrets = field(repr=False)
    endpoints: Endpoints
    """Holds connections to authorization servers."""

    def hidden(self) -> list[Secret]:
        """What issuers need and nobody else may see; names and certificates are not among it."""
        details = [spec.details for spec in self.services.values() if spec.details is not None]
        public = {reference for each in details for reference in each.public()}
        return [value for reference, value in self.secrets.values().items() if reference not in public]

    async def close(self) -> None:
        """Close every connection; after whoever uses them."""
        for issuer in self.issuers.values():
            close = getattr(issuer, "close", None)
            if close is not None:
                await close()
        await self.endpoints.close()


def build_issuing(common: Common, refresher: Refresher) -> Issuing:
    """Put them together; only the kinds that a service uses are loaded. Raise StartError when a secret can't be had."""
    site = common.site
    secrets = HeldSecrets(load_issuer_secrets(site.services, common.sources))
    endpoints = Endpoints(common.tls, common.clock)
    services = {service.name: service.issuer for service in site.services.services if service.issuer is not None}
    parts = IssuerParts(
        clock=common.clock,
        keyring=common.token_keys,
        issuer_url=common.issuer_url,
        assertions=Assertions(common.token_keys, common.issuer_url, common.clock),
        endpoints=endpoints,
        tls=common.tls,
        secrets=secrets,
        stored=common.stored.get,
        holders=Holders(),
        refresher=refresher,
        key=common.key,
    )
    return Issuing(build_issuers((spec.kind for spec in services.values()), parts), services, secrets, endpoints)
