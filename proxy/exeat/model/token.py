"""A token as an issuer granted it.

Must not know: how it was obtained.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.model.secret import Secret
from exeat.model.service import Grade


@dataclass(frozen=True, slots=True)
class Token:
    """What was granted: the value, its public ``id`` for the record, its grade and its end of life (epoch seconds).

    ``expires_at`` is ``None`` for a stored key, which has no end of its own.
    """

    value: Secret
    id: str
    grade: Grade
    expires_at: float | None
