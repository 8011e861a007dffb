"""What a Vault server issues for us, and who we are to it.

Must not know: how it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class VaultLogin:
    """Where a server is and how we log in there: ``method`` ``jwt`` with ``role``, or ``approle`` with ``role`` as its id.

    ``secret_id`` is a source reference. ``policies`` are all that the login may have; what it has beyond is refused.
    """

    server: str
    method: str
    mount: str
    role: str
    policies: frozenset[str]
    audience: str = ""
    secret_id: str = ""
    namespace: str = ""

    def secrets(self) -> Sequence[str]:
        """The secret id, where the method has one."""
        return (self.secret_id,) if self.secret_id else ()


@dataclass(frozen=True, slots=True)
class VaultIssue(IssuerDetails):
    """What is issued: a ``token`` of the server itself, ``dynamic`` secrets, a ``kv`` field, or a ``certificate``.

    ``scopes`` maps what a request's scope says to the policies that a token for it has; ``path`` and ``key``, the name of a field, say where
    anything else lies.
    """

    login: VaultLogin
    issue: str
    path: str = ""
    key: str = ""
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    common_name: str = ""

    def secrets(self) -> Sequence[str]:
        """Those of the login."""
        return self.login.secrets()
