"""Looks after every secret that the configuration names: read at the start, read again, told to all who use it.

A value that changed is used from then on; what it replaced is recognised for the overlap. What can't be read stays as it was.
Must not know: what a secret opens, how workers are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, final

from exeat.credentials.held import Current, HeldSecrets
from exeat.credentials.remote.source import RemoteSource
from exeat.credentials.sources import Sources, is_elsewhere, shown, usable
from exeat.errors import ExeatError, NotFoundError, RefusalError, StartError
from exeat.ports import Clock

logger = logging.getLogger("exeat.secrets")

_FIXED = ("env:",)
"""What can't change while we run."""
_ASKED = ("exec:", "keyring:")
"""What may ask a person: read again when somebody says so, never by the clock."""


@final
class Keeper:
    """Used in the process that leads. ``tell`` hands everything to all who use it, ``note`` records a change."""

    def __init__(
        self,
        references: Collection[str],
        held: HeldSecrets,
        sources: Sources,
        remote: Mapping[str, RemoteSource],
        clock: Clock,
        *,
        overlap: float,
        refresh: float,
        tell: Callable[[Mapping[str, Any]], Awaitable[Any]],
        note: Callable[[str, Mapping[str, Any]], None],
        closing: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._references = tuple(sorted(references))
        self.held = held
        """As this process knows them."""
        self._sources = sources
        self._remote = remote
        self._clock = clock
        self._overlap = overlap
        self.refresh = refresh
        """How often to look, in seconds."""
        self._tell = tell
        self._note = note
        self._closing = closing
        self._lock = asyncio.Lock()
        self._untold = False
        self._failing: set[str] = set()

    async def begin(self) -> Mapping[str, Any]:
        """Read what lies elsewhere, before anything is served; return all that is held, for those who will use it.

        Raise StartError when it can't be had; a name that nobody has set in our store yet is only said.
        """
        found = await self._read([each for each in self._references if is_elsewhere(each)])
        good: dict[str, Current | None] = {}
        for reference, each in found.items():
            if isinstance(each, Current):
                good[reference] = each
            elif isinstance(each, NotFoundError):
                logger.warning("%s; until then nothing is served with it: %s", each, each.hint)
            else:
                raise StartError(f"{reference}: {_said(each)}", each.hint) from None
        self.held.take(good, self._clock.time(), self._overlap)
        return self.held.said()

    async def look(self) -> None:
        """Read again what may have changed by itself, forget what was replaced long ago. Call it every few minutes."""
        await self._look(each for each in self._references if not each.startswith((*_FIXED, *_ASKED)))

    async def look_at_store(self) -> None:
        """Read again what our own store holds: somebody changed it, here or elsewhere."""
        await self._look(each for each in self._references if each.startswith("store:"))

    async def look_at_all(self) -> None:
        """Read everything again, because somebody says so."""
        await self._look(each for each in self._references if not each.startswith(_FIXED))

    async def close(self) -> None:
        """Let go of what is held towards sources."""
        for close in self._closing:
            await close()

    async def forget(self) -> None:
        """Forget what was replaced long enough ago."""
        async with self._lock:
            if self.held.forget(self._clock.time()) or self._untold:
                await self._spread()

    async def _look(self, references: Iterable[str]) -> None:
        wanted = list(references)
        if not wanted:
            return
        async with self._lock:
            found = await self._read(wanted)
            news = {reference: self._judged(reference, each) for reference, each in found.items()}
            changed = self.held.take(
                {name: each for name, each in news.items() if each is not False}, self._clock.time(), self._overlap
            )
            for reference in sorted(changed):
                self._note("secret_changed", {"source": shown(reference), "overlap": self._overlap})
            if changed or self._untold:
                await self._spread()

    async def _spread(self) -> None:
        """What wasn't confirmed by everybody is told again at the next look, even if nothing changes meanwhile."""
        self._untold = True
        await self._tell(self.held.said())
        self._untold = False

    def _judged(self, reference: str, found: Current | ExeatError) -> Any:
        """What to hold: None for what was removed, False to leave it as it is. A failure is said once."""
        if isinstance(found, Current):
            self._failing.discard(reference)
            return found
        if isinstance(found, NotFoundError):
            return None
        if reference not in self._failing:
            self._failing.add(reference)
            logger.error("%s can't be read again, the old value stays: %s", shown(reference), _said(found))
            self._note("secret_unreadable", {"source": shown(reference)})
        return False

    async def _read(self, references: Iterable[str]) -> Mapping[str, Current | ExeatError]:
        """Everything that could be had, and why the rest couldn't."""
        kinds: dict[str, list[str]] = {}
        for reference in references:
            kind, _, name = reference.partition(":")
            kinds.setdefault(kind, []).append(name)
        found: dict[str, Current | ExeatError] = {}
        for kind, names in kinds.items():
            if not is_elsewhere(f"{kind}:"):
                found |= await asyncio.to_thread(self._read_here, [f"{kind}:{name}" for name in names])
                continue
            for name, each in (await self._fetch(kind, names)).items():
                found[f"{kind}:{name}"] = each
        return found

    def _read_here(self, references: Iterable[str]) -> Mapping[str, Current | ExeatError]:
        found: dict[str, Current | ExeatError] = {}
        for reference in references:
            try:
                found[reference] = Current(self._sources.load(reference))
            except StartError as error:
                found[reference] = error
        return found

    async def _fetch(self, kind: str, names: list[str]) -> Mapping[str, Current | ExeatError]:
        source = self._remote.get(kind)
        if source is None:
            return dict.fromkeys(
                names, StartError(f"nothing reads {kind} here", _REMEDY.get(kind, "use another source"))
            )
        try:
            found = await source.fetch(names)
        except ExeatError as error:
            return dict.fromkeys(names, error)
        return {name: _checked(f"{kind}:{name}", each) for name, each in found.items()}


_REMEDY = {
    kind: f"say how to log in there: [secrets.{table}]"
    for kind, table in (("vault", "vault"), ("aws-secretsmanager", "aws"), ("google-secretmanager", "google"))
}


def _checked(reference: str, found: Current | ExeatError) -> Current | ExeatError:
    if isinstance(found, Current):
        try:
            usable(reference, found.value.reveal())
        except StartError as error:
            return error
    return found


def _said(error: ExeatError) -> str:
    return error.detail if isinstance(error, RefusalError) else str(error)
