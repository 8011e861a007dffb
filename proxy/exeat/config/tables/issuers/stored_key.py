"""``kind = "stored_key"``: the shared credential itself, in custody.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from exeat.config.tables.issuers.base import IssuerTable
from exeat.model.issuing import Grade


class StoredKeyTable(IssuerTable):
    """The shared credential: the agent never holds it, but it is no narrower than before."""

    listed: ClassVar[bool] = False
    grade: ClassVar[Grade] = Grade.C

    kind: Literal["stored_key"]
