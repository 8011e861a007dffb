"""An authorization server as the kinds that speak OAuth 2 see it, and who we are to it.

Must not know: what is asked of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class AuthorizationServer(IssuerDetails):
    """Where tokens are asked for, and how we prove who we are.

    ``server`` is the audience of our assertions. ``client_auth`` is ``basic`` or ``post``, which send the secret behind
    ``client_secret``, ``signed`` (``private_key_jwt``, RFC 7523 §2.2) or ``none``. ``scopes`` maps what a request's scope
    says to the server's scopes; ``extra`` are scopes that the server may add by itself. ``resource`` (RFC 8707) and
    ``revoke_url`` may be ``""``.
    """

    token_url: str
    server: str
    client_id: str = ""
    client_secret: str = ""
    client_auth: str = "basic"
    resource: str = ""
    scopes: Mapping[str, str] = field(default_factory=dict)
    extra: frozenset[str] = frozenset()
    revoke_url: str = ""

    def secrets(self) -> Sequence[str]:
        """Ours towards the server, if it gave us one."""
        return (self.client_secret,) if self.client_secret else ()

    def words(self, scope: str) -> str:
        """A request's scope in the server's words, each once and in order; several things asked at once are mapped one by one."""
        mapped = " ".join({self.scopes.get(word, word) for word in scope.split()})
        return " ".join(sorted(set(mapped.split())))
