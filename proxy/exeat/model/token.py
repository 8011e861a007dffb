"""A token as an issuer granted it.

Must not know: how it was obtained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exeat.model.issuing import Grade
from exeat.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Token:
    """What was granted: the value, its public ``id`` for the record, its grade and its end of life (epoch seconds).

    ``expires_at`` is ``None`` for a stored key, which has no end of its own. ``parts`` are what belongs to the value where one
    text isn't all of it: ``user`` of a pair, ``access_key_id`` and ``session_token`` of AWS; those in ``public`` anybody may
    see. ``handle`` is what its issuer knows it by when it is to be revoked, if that isn't the value.
    """

    value: Secret
    id: str
    grade: Grade
    expires_at: float | None
    parts: Mapping[str, Secret] = field(default_factory=dict)
    handle: Secret | None = None
    public: frozenset[str] = frozenset()

    def secrets(self) -> Iterator[Secret]:
        """Everything in it that nobody else may see."""
        yield self.value
        yield from (part for name, part in self.parts.items() if name not in self.public)
