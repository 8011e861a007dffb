"""Application tokens of Entra ID, for our keys instead of a secret.

Must not know: how they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.model.issuing.oauth_server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class EntraApplication(AuthorizationServer):
    """``scope`` is a resource's ``/.default``; ``roles`` are the application roles that a token may hold, None any.

    ``subject`` is the one that the federated credential names; without it that is the agent.
    """

    scope: str = ""
    subject: str = ""
    roles: frozenset[str] | None = None
