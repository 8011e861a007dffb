"""From the settings of a token exchange to the value an issuer works with.

Must not know: what an issuer does with it.
"""

from __future__ import annotations

from exeat.config.tables.service import IssuerSpecTable
from exeat.model.service import TokenExchange


def token_exchange(given: IssuerSpecTable) -> TokenExchange | None:
    """Return how a service's tokens are exchanged, or None when its issuer is of another kind."""
    if given.kind != "oauth_exchange":
        return None
    return TokenExchange(
        token_url=given.token_url,
        server=given.server or given.token_url,
        client_id=given.client_id,
        client_secret=given.client_secret or "",
        resource=given.resource,
        subject_type=given.subject_type,
        actor=given.actor,
        scopes=dict(given.scopes),
        revoke_url=given.revoke_url,
    )
