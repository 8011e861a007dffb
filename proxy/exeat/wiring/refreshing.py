"""What uses refresh tokens, put together for the process that changes missions.

Must not know: logic.
"""

from __future__ import annotations

import secrets

from exeat.credentials.held import HeldSecrets
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.family import KeptFamilies
from exeat.credentials.oauth.refreshing import Refreshing
from exeat.credentials.safe import Safe
from exeat.store import sqlite
from exeat.store.leases import StoredLeases
from exeat.wiring.common import Common


def build_refreshing(
    common: Common, safe: Safe, leases: StoredLeases, endpoints: Endpoints, held: HeldSecrets
) -> Refreshing:
    """Put it together; raise StartError when a service's first refresh token is missing."""
    services, clock = common.site.services, common.clock
    client = Client(Assertions(common.token_keys, common.issuer_url, clock), endpoints, held)
    refreshing = Refreshing(
        {service.name: service.issuer for service in services.services if service.issuer is not None},
        client,
        common.sources.load,
        KeptFamilies(safe),
        leases,
        common.audit,
        "sole" if common.loaded.settings.store.url.startswith(sqlite.PREFIX) else secrets.token_hex(16),
        common.key,
        clock,
    )
    refreshing.check()
    return refreshing
