"""Secrets that were loaded, by their references; what is replaced while we run is new for whoever asks next.

Must not know: where they came from, what they open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret


@final
class HeldSecrets:
    """Ask each time a secret is needed; never keep what it returns."""

    def __init__(self, held: Mapping[str, Secret]) -> None:
        self._held = dict(held)

    def __call__(self, reference: str) -> Secret:
        """The secret behind a reference; raise RefusalError(TOKEN_UNAVAILABLE) when it wasn't loaded."""
        secret = self._held.get(reference)
        if secret is None:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "a secret that the issuer needs was not loaded")
        return secret

    def get(self, reference: str) -> Secret | None:
        """The same, or None."""
        return self._held.get(reference)

    def replace(self, held: Mapping[str, Secret]) -> None:
        """Hold these from now on."""
        self._held = dict(held)

    def values(self) -> Mapping[str, Secret]:
        """All of them, as they are now."""
        return dict(self._held)
