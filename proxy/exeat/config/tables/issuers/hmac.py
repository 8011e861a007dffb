"""``kind = "hmac"``: a key that signs each request, in custody.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.stored_parts import StoredParts


class HmacTable(IssuerTable):
    """A key that the service knows too, where ``credential.in = "hmac"``: it signs each request and never leaves."""

    listed: ClassVar[bool] = False
    grade: ClassVar[Grade] = Grade.C

    kind: Literal["hmac"]
    secret: SourceReference
    """Where the key is."""
    key_id: SourceReference | None = None
    """Where the name of the key is, which ``credential.name`` or ``{key_id}`` show the service."""

    def details(self) -> StoredParts:
        """The key, and its name beside it."""
        return StoredParts(self.secret, {} if self.key_id is None else {"key_id": self.key_id})
