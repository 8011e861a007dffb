"""``kind = "basic"``: a user and his password, in custody.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.stored_parts import StoredParts


class BasicTable(IssuerTable):
    """A user and his password (RFC 7617), where ``credential.in = "basic"``: the agent has neither."""

    listed: ClassVar[bool] = False
    grade: ClassVar[Grade] = Grade.C

    kind: Literal["basic"]
    user: SourceReference | None = None
    """Where the user name is; without it, ``credential.user``."""
    password: SourceReference
    """Where the password is."""

    def details(self) -> StoredParts:
        """The password, and the user beside it."""
        return StoredParts(self.password, {} if self.user is None else {"user": self.user})
