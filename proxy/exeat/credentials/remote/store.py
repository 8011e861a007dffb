"""``store:NAME``: what ``exeat secret set`` sealed in our own store.

Must not know: who set it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from exeat.credentials.held import Current, Replaced
from exeat.credentials.safe import Opened, Safe
from exeat.errors import ExeatError, NotFoundError

PREFIX = "site:"
"""Before the names that people give, in a store where others seal things too."""


@final
class StoreSource:
    """Implements ``source.RemoteSource``."""

    def __init__(self, safe: Safe) -> None:
        self._safe = safe

    async def fetch(self, names: Sequence[str]) -> Mapping[str, Current | ExeatError]:
        """One look for all of them; raise UnavailableError when the store is gone."""
        found = {each.name.removeprefix(PREFIX): each for each in await self._safe.read_all(PREFIX)}
        return {name: _current(found[name]) if name in found else _unset(name) for name in names}


def _current(opened: Opened) -> Current:
    if opened.previous is None or opened.previous_until is None:
        return Current(opened.value, knows=True)
    return Current(opened.value, (Replaced(opened.previous, opened.previous_until),), knows=True)


def _unset(name: str) -> NotFoundError:
    return NotFoundError(f"store:{name} is not set", f"exeat secret set {name}")
