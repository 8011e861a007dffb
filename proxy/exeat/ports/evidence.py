"""Who an agent is, and names to addresses.

Must not know: any implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from exeat.model.secret import Secret


@dataclass(frozen=True, slots=True)
class VerifiedPass:
    """A pass whose signature, issuer, audience and times hold. Whether its mission still lives is another question.

    ``subject`` is the agent's SPIFFE ID.
    """

    mission: str
    agent: str
    id: str
    expires_at: float
    subject: str


class PassVerifier(Protocol):
    """Reads a pass."""

    def verify(self, presented: Secret) -> VerifiedPass:
        """Return what the pass proves.

        Raise RefusalError(IDENTITY_INVALID) unless signature, issuer, audience, ``exp``, ``iat`` and ``jti`` all
        hold; RefusalError(MISSION_ENDED) when only ``exp`` has passed.
        """
        ...
