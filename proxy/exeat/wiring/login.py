"""Where operators log in with their own account, put together.

Must not know: sessions, what a login is worth.
"""

from __future__ import annotations

from exeat.admin.login.provider import Account, Provider
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.identity.jwks_fetch import Fetcher
from exeat.trusted_http import TrustedClient
from exeat.wiring.common import Common


def build_login(common: Common) -> Provider | None:
    """Return the provider that is configured, if there is one; raise StartError when its client secret can't be had."""
    table = common.loaded.settings.admin.oidc
    if table is None:
        return None
    account = Account(
        issuer=table.issuer,
        client_id=table.client_id,
        client_secret=common.sources.load(table.client_secret),
        scopes=("openid", *(scope for scope in table.scopes if scope != "openid")),
        claim=table.claim,
        name=table.name,
        roles=table.roles,
        session=table.session,
    )
    tls, clock = common.tls, common.clock
    return Provider(account, Fetcher(tls), Endpoints(tls, clock), TrustedClient(tls), clock)
