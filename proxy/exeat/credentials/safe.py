"""The safe: open secrets in, sealed ones into the store, and back; a change says what it was made from.

Must not know: what a secret opens, who asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

from exeat.credentials.sealing import Sealer
from exeat.errors import ConflictError
from exeat.model.sealed import SealedSecret
from exeat.model.secret import Secret
from exeat.ports import Clock, SealedSecrets


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A secret as it is now. ``previous`` is what it replaced, while that is still to be recognised: never used."""

    name: str
    version: int
    value: Secret = field(repr=False)
    previous: Secret | None = field(default=None, repr=False)
    previous_until: float | None = None


@final
class Safe:
    """Raise UnavailableError when the store is gone or what it holds can't be opened."""

    def __init__(self, sealer: Sealer, store: SealedSecrets, clock: Clock) -> None:
        self._sealer = sealer
        self._store = store
        self._clock = clock

    async def read(self, name: str) -> Opened | None:
        """The secret of a name."""
        found = await self._store.get(name)
        return None if found is None else self._open(found)

    async def read_all(self, prefix: str = "") -> Sequence[Opened]:
        """All whose name begins with ``prefix``."""
        return [self._open(each) for each in await self._store.every(prefix)]

    async def listed(self, prefix: str = "") -> Sequence[SealedSecret]:
        """The same, closed."""
        return await self._store.every(prefix)

    async def write(
        self,
        name: str,
        value: Secret,
        *,
        seen: int | None = None,
        overlap: float = 0.0,
        by: str = "exeat",
        tell: bool = False,
    ) -> int:
        """Seal a value as the version after ``seen``, 0 for a new name, None for whatever is there; return its version.

        What it replaces is kept for ``overlap`` seconds. With ``tell`` every replica acts on it (``ports.SealedSecrets``). Raise
        ConflictError when somebody was faster.
        """
        before = await self._store.get(name)
        version = 0 if before is None else before.version
        if seen is not None and seen != version:
            raise ConflictError(f"the secret {name!r} was changed meanwhile", "look at it, and begin anew")
        now = self._clock.time()
        sealed = SealedSecret(name, version + 1, self._sealer.seal(name, version + 1, value), now, by)
        if before is not None and overlap > 0:
            sealed = replace(sealed, previous=before.sealed, previous_until=now + overlap)
        await self._store.put(sealed, tell=tell)
        return version + 1

    async def remove(self, name: str, *, tell: bool = False) -> bool:
        """Forget a secret; whether there was one."""
        return await self._store.remove(name, tell=tell)

    async def reseal(self) -> int:
        """Seal everything that isn't yet under the key that seals now; how much that was. It can be repeated."""
        count = 0
        for each in await self._store.every():
            olds = [sealed for sealed in (each.sealed, each.previous) if sealed is not None]
            if all(map(self._sealer.is_current, olds)):
                continue
            opened = self._open(each)
            previous = (
                None if opened.previous is None else self._sealer.seal(each.name, each.version - 1, opened.previous)
            )
            sealed = self._sealer.seal(each.name, each.version, opened.value)
            await self._store.reseal(replace(each, sealed=sealed, previous=previous))
            count += 1
        return count

    async def forget_previous(self) -> int:
        """Forget replaced values whose time is up; how many."""
        return await self._store.forget_previous(self._clock.time())

    def _open(self, found: SealedSecret) -> Opened:
        value = self._sealer.unseal(found.name, found.version, found.sealed)
        until = found.previous_until
        if found.previous is None or until is None or until <= self._clock.time():
            return Opened(found.name, found.version, value)
        previous = self._sealer.unseal(found.name, found.version - 1, found.previous)
        return Opened(found.name, found.version, value, previous, until)
