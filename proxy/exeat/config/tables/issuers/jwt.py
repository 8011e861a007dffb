"""``kind = "jwt"``: tokens that we sign.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from exeat.config.tables.issuers.base import IssuerTable
from exeat.model.issuing import Grade
from exeat.model.issuing.jwt import SignedToken


class JwtTable(IssuerTable):
    """Our own signed tokens (RFC 9068), for services that check them against our JWK set."""

    listed: ClassVar[bool] = False
    grade: ClassVar[Grade] = Grade.A

    kind: Literal["jwt"] = "jwt"
    profile: Literal["access", "txn"] = "access"
    """What kind of JWT: an access token (RFC 9068), or a transaction token for services of one trust domain, whose ``audience`` that
    domain then is (draft-ietf-oauth-transaction-tokens)."""

    def default_audience(self, hosts: tuple[str, ...]) -> str:
        """The service itself."""
        return f"https://{hosts[0]}"

    def details(self) -> SignedToken:
        """Which profile."""
        return SignedToken(self.profile)
