"""The admins' ceiling as it stands: what the configuration says, and what admins added to it.

A change is validated, recorded, stored and handed to the data path before its caller hears of it. Taking an entry away is
never put off by a fault: when it can't be recorded or stored, the data path lets go of it all the same, and the caller is
told to repeat the removal. Must not know: HTTP, SQL.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from exeat.errors import ExeatError, NotFoundError, RefusalError, UnavailableError
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.missions.ids import MissionIds
from exeat.missions.times import rfc3339
from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination, Ceilings
from exeat.model.record import Record, RecordKind
from exeat.ports import Applied, AuditSink, CeilingsFeed, Clock, DestinationStore

_CONFIRM = 7.0
"""Seconds in which every worker must have acted, as for missions."""


@dataclass(frozen=True, slots=True)
class DestinationRequest:
    """What somebody wants to add; ``destination`` as ``host:port``, ``expires`` in seconds since the epoch."""

    destination: str
    owner: str
    reason: str
    expires: float
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """An entry that is gone, and what that did to traffic under way."""

    entry: AllowedDestination
    applied: Applied


@final
class Destinations:
    """Holds the ceilings of this process; ``by`` is who asks, as the control plane authenticated them."""

    def __init__(
        self,
        configured: Ceilings,
        store: DestinationStore,
        clock: Clock,
        audit: AuditSink,
        feed: CeilingsFeed,
        elsewhere: Callable[[], Awaitable[tuple[str, ...]]],
    ) -> None:
        self._configured = configured
        self._store = store
        self._clock = clock
        self._audit = audit
        self._feed = feed
        self._elsewhere = elsewhere
        """Waits for other hosts, never under the lock: they wait for this one too."""
        self._ceilings = configured
        self._confirmed = True
        """Whether the data path is known to hold ``_ceilings``; else it is told again, even if nothing changed."""
        self._dropped: set[str] = set()
        """Removed from the data path but not yet in the store: they don't come back by reading it."""
        self._new_id = MissionIds("dst_")
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    def ceilings(self) -> Ceilings:
        """What no mission may exceed at this moment."""
        return self._ceilings

    async def refresh(self) -> None:
        """Take over what the store says, if it says something else: at start, and what another process changed."""
        async with self._lock:
            await self._apply([entry for entry in await self._store.kept() if entry.id not in self._dropped])

    async def configure(self, configured: Ceilings) -> Applied:
        """Go by another configuration from now on: what it no longer allows stops at once.

        Raise UnavailableError when the data path didn't confirm it; then it has to be repeated.
        """
        async with self._lock:
            self._configured = configured
            return await self._apply(self._added())

    async def add(self, wanted: DestinationRequest, by: str) -> AllowedDestination:
        """Allow a destination until ``wanted.expires``.

        Raise InvalidFieldsError naming every wrong field, or UnavailableError; after either it isn't allowed.
        """
        now = self._clock.time()
        entry = replace(_entry(wanted, now), id=self._new_id(now), added_by=by, added_at=now)
        return await self._whole(self._add(entry, by))

    async def remove(self, entry_id: str, by: str, reason: str = "") -> Removed:
        """Take an added entry away. When this returns, nothing goes there any more unless another entry allows it.

        Raise NotFoundError, or UnavailableError when the removal isn't durable yet and has to be repeated.
        """
        return await self._whole(self._remove(entry_id, by, reason))

    async def _add(self, entry: AllowedDestination, by: str) -> AllowedDestination:
        async with self._lock:
            with self._recorded("destination_add", entry, by, ""):
                await self._store.add(entry)
                try:
                    await self._apply([*self._added(), entry])
                except UnavailableError:
                    self._ceilings = replace(self._ceilings, destinations=self._ceilings.destinations[:-1])
                    await self._store.remove(entry.id, "exeat", self._clock.time())
                    raise  # whoever took it nevertheless is told otherwise by the next refresh
        await self._elsewhere()
        return entry

    async def _remove(self, entry_id: str, by: str, reason: str) -> Removed:
        entry, applied = await self._removed_here(entry_id, by, reason)
        lapsed = await self._elsewhere()
        applied = replace(applied, lapsed=(*applied.lapsed, *lapsed))
        self._append("destination_remove_applied", entry, by, "", dict(applied.as_dict()))
        return Removed(entry, applied)

    async def _removed_here(self, entry_id: str, by: str, reason: str) -> tuple[AllowedDestination, Applied]:
        async with self._lock:
            known = next((entry for entry in self._added() if entry.id == entry_id), None)
            known = known or await self._store.get(entry_id)
            if known is None:
                raise NotFoundError(f"there is no destination {entry_id!r}")
            try:
                with self._recorded("destination_remove", known, by, reason):
                    await self._store.remove(entry_id, by, self._clock.time())
                    applied = await self._without(entry_id)
            except Exception:
                self._dropped.add(entry_id)
                await self._without(entry_id)
                raise
            self._dropped.discard(entry_id)
        return known, applied

    def _added(self) -> Sequence[AllowedDestination]:
        return [entry for entry in self._ceilings.destinations if entry.id]

    async def _without(self, entry_id: str) -> Applied:
        return await self._apply([entry for entry in self._added() if entry.id != entry_id])

    async def _apply(self, added: Sequence[AllowedDestination]) -> Applied:
        ceilings = replace(self._configured, destinations=(*self._configured.destinations, *added))
        if ceilings == self._ceilings and self._confirmed:
            return Applied()
        self._ceilings, self._confirmed = ceilings, False
        try:
            async with asyncio.timeout(_CONFIRM):
                applied = await self._feed(ceilings)
        except Exception as error:
            raise UnavailableError("the data path didn't confirm the change; repeat it") from error
        self._confirmed = True
        return applied

    @contextlib.contextmanager
    def _recorded(self, event: str, entry: AllowedDestination, by: str, reason: str) -> Iterator[None]:
        self._append(event, entry, by, reason, {})
        try:
            yield
        except Exception as error:
            code = error.code if isinstance(error, ExeatError) else "internal_error"
            with contextlib.suppress(UnavailableError):  # the caller hears of the failure anyway
                self._append(f"{event}_failed", entry, by, "", {"code": code})
            raise

    def _append(self, event: str, entry: AllowedDestination, by: str, reason: str, more: Record) -> None:
        record: Record = {
            "kind": RecordKind.ADMIN.value,
            "event": event,
            "by": by,
            "reason": reason,
            "destination": str(entry.pattern),
            "destination_id": entry.id,
            "owner": entry.owner,
            "because": entry.reason,
            "ticket": entry.ticket,
            "expires_at": rfc3339(entry.expires),
        }
        try:
            self._audit.append(record | more)
        except RefusalError as error:
            raise UnavailableError("the audit log can't be written") from error

    async def _whole[Result](self, change: Coroutine[Any, Any, Result]) -> Result:
        """Carry a change through: a caller that goes away must not leave it recorded and stored but not applied."""
        task = asyncio.create_task(change)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


def _entry(wanted: DestinationRequest, now: float) -> AllowedDestination:
    """The entry that is asked for; raise InvalidFieldsError naming everything wrong with it."""
    errors = [
        FieldError(field, f"say {what}")
        for field, text, what in (("owner", wanted.owner, "who answers for it"), ("reason", wanted.reason, "what for"))
        if not text.strip()
    ]
    if not wanted.expires > now:  # also when it is NaN
        errors.append(FieldError("expires", "an entry has to end in the future"))
    try:
        pattern = DestinationPattern.parse(wanted.destination, 443)
    except ValueError as error:
        errors.append(FieldError("destination", str(error)))
    if errors:
        raise InvalidFieldsError(errors)
    return AllowedDestination(pattern, wanted.owner, wanted.reason, wanted.expires, wanted.ticket)
