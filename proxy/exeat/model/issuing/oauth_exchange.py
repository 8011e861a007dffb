"""An exchange of a word about the agent for a token (RFC 8693).

Must not know: how it is carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exeat.model.issuing.oauth_server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class TokenExchange(AuthorizationServer):
    """How tokens are exchanged at an authorization server, and what its product wants otherwise than RFC 8693 says.

    ``subject_type`` is one of the RFC's names (``jwt``) or a whole URI. The subject token is our own word, or lies behind the
    source reference ``subject_token`` where the server takes only tokens of its own. ``subject_issuer`` is Keycloak's name for
    us. ``on_behalf_of`` asks as Entra ID wants it (RFC 7523 §2.1). Without ``names_kind`` the answer needn't say that it is
    an access token; with ``short_names`` a JWT names scopes without the resource that they stand under.
    """

    subject_type: str = "jwt"
    subject_token: str = ""
    subject_issuer: str = ""
    actor: bool = False
    on_behalf_of: bool = False
    names_kind: bool = True
    short_names: bool = False

    def secrets(self) -> Sequence[str]:
        """Ours towards the server, and the subject's token, where there are such."""
        return tuple(reference for reference in (self.client_secret, self.subject_token) if reference)
