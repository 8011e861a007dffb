"""A credential of several texts that are kept as they are: a user and his password, a key and its id, a key and its certificate.

Must not know: what they open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class StoredParts(IssuerDetails):
    """Source references: of the value itself, and of each part by its name."""

    value: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def secrets(self) -> Sequence[str]:
        """All of them."""
        return (self.value, *self.parts.values())

    def public(self) -> Sequence[str]:
        """Every part: names and certificates, without the value worth nothing."""
        return tuple(self.parts.values())
