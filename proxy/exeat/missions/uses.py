"""When each entry of the ceiling was last used, and by whom.

A use counts for the entry that says most exactly where it went, so that a wide one that only covers others shows as
unused. Kept in memory, written to the store by :meth:`LastUses.flush`: a crash costs what came since. Must not know: who
reports, SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import final

from exeat.model.mission import Ceilings
from exeat.model.traffic import LastUse, Use
from exeat.ports import Clock, DestinationStore


@final
class LastUses:
    """Last uses by ``host:port`` of the entry, as written."""

    def __init__(self, ceilings: Callable[[], Ceilings], store: DestinationStore, clock: Clock) -> None:
        self._ceilings = ceilings
        self._store = store
        self._clock = clock
        self._known: dict[str, LastUse] = {}
        self._changed: dict[str, LastUse] = {}

    def note(self, uses: Iterable[Use]) -> None:
        """Take over what a worker saw."""
        written = {str(entry.pattern) for entry in self._ceilings().destinations}
        for use in uses:
            entry = next((text for text in _covering(use.host, use.port) if text in written), None)
            known = None if entry is None else self._known.get(entry)
            if entry is None or (known is not None and (known.used_at or 0.0) >= use.at):
                continue
            seen_at = use.at if known is None else known.seen_at
            self._known[entry] = self._changed[entry] = LastUse(seen_at, use.at, use.agent, use.mission)

    async def flush(self) -> None:
        """Write what changed, and note entries that are new; raise UnavailableError, and nothing is forgotten."""
        now = self._clock.time()
        for entry in self._ceilings().destinations:
            if (text := str(entry.pattern)) not in self._known:
                self._known[text] = self._changed[text] = LastUse(now)
        changed, self._changed = self._changed, {}
        try:
            if changed:
                await self._store.used(changed)
        except Exception:
            self._changed = changed | self._changed
            raise

    async def all(self) -> Mapping[str, LastUse]:
        """What is known, here and in the store, the newer of both."""
        await self.flush()
        for text, use in (await self._store.uses()).items():
            known = self._known.get(text)
            if known is None or (use.used_at or 0.0) > (known.used_at or 0.0) or use.seen_at < known.seen_at:
                self._known[text] = _newer(use, known)
        return self._known


def _newer(stored: LastUse, known: LastUse | None) -> LastUse:
    if known is None:
        return stored
    newest = max(stored, known, key=lambda use: use.used_at or 0.0)
    return LastUse(min(stored.seen_at, known.seen_at), newest.used_at, newest.agent, newest.mission)


def _covering(host: str, port: int) -> Iterator[str]:
    """Every pattern that can cover a host, the most exact first."""
    yield f"{host}:{port}"
    rest = host
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f"*.{rest}:{port}"
    yield f"*:{port}"
