"""Tokens that we sign ourselves.

Must not know: how they are signed.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class SignedToken(IssuerDetails):
    """``profile`` is ``access`` (RFC 9068) or ``txn`` (a transaction token, draft-ietf-oauth-transaction-tokens)."""

    profile: str = "access"
