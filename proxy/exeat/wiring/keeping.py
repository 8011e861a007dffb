"""Who looks after secrets in the process that leads, and from where it has those that lie elsewhere.

Must not know: who uses them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from exeat.credentials.held import HeldSecrets
from exeat.credentials.keeper import Keeper
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.remote.aws_secretsmanager import AwsSecretsManager
from exeat.credentials.remote.google_secretmanager import GoogleSecretManager
from exeat.credentials.remote.source import RemoteSource
from exeat.credentials.remote.store import StoreSource
from exeat.credentials.remote.vault import VaultSource
from exeat.credentials.safe import Safe
from exeat.credentials.vault.client import VaultClient
from exeat.credentials.vault.login import Logins
from exeat.errors import ExeatError
from exeat.fleet.crew import Crew
from exeat.model.record import RecordKind
from exeat.wiring.common import Common
from exeat.wiring.holdings import references_of


def build_keeper(common: Common, safe: Safe, crew: Crew) -> Keeper:
    """Put it together; it begins with what was read on this host at the start."""
    settings = common.loaded.settings
    remote: dict[str, RemoteSource] = {"store": StoreSource(safe)}
    closing: list[Callable[[], Awaitable[None]]] = []
    if settings.secrets.vault is not None:
        place = settings.secrets.vault.login_for(settings.secrets.vault.audience)
        client = VaultClient(common.tls, common.clock)
        logins = Logins(client, common.token_keys, common.issuer_url, common.sources.load, common.clock)
        remote["vault"] = VaultSource(client, logins, place)
        closing.append(client.close)
    assertions = Assertions(common.token_keys, common.issuer_url, common.clock)
    if settings.secrets.aws is not None:
        aws, endpoints = settings.secrets.aws.place(), Endpoints(common.tls, common.clock, called="AWS")
        load, me = common.sources.load, common.issuer_url
        remote["aws-secretsmanager"] = AwsSecretsManager(aws, endpoints, assertions, me, load, common.clock)
        closing.append(endpoints.close)
    if settings.secrets.google is not None:
        google, endpoints = settings.secrets.google.place(), Endpoints(common.tls, common.clock, called="Google")
        me = common.issuer_url
        remote["google-secretmanager"] = GoogleSecretManager(google, endpoints, assertions, me, common.clock)
        closing.append(endpoints.close)

    def note(event: str, more: Mapping[str, Any]) -> None:
        with contextlib.suppress(ExeatError):
            common.audit.append({"kind": RecordKind.ADMIN, "event": event, "by": "exeat", **more})

    return Keeper(
        references_of(common.site.services, settings.honeytoken),
        HeldSecrets(common.held.values()),
        common.sources,
        remote,
        common.clock,
        overlap=settings.secrets.overlap,
        refresh=settings.secrets.refresh,
        tell=crew.rekey,
        note=note,
        closing=closing,
    )
