"""An exchange of our word for a token (RFC 8693).

Must not know: how it is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class TokenExchange(IssuerDetails):
    """How tokens are exchanged at an authorization server (RFC 8693), and who we are to it.

    ``server`` is the audience of our assertions. ``client_secret`` is a source reference; without one we sign an
    assertion. ``scopes`` maps what a request's scope says to the server's scopes. ``resource`` (RFC 8707) and
    ``revoke_url`` may be ``""``.
    """

    token_url: str
    server: str
    client_id: str
    client_secret: str = ""
    resource: str = ""
    subject_type: str = "jwt"
    actor: bool = False
    scopes: Mapping[str, str] = field(default_factory=dict)
    revoke_url: str = ""

    def secrets(self) -> Sequence[str]:
        """Ours towards the server, if it gave us one."""
        return (self.client_secret,) if self.client_secret else ()
