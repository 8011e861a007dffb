"""Which credentials agents bring, added up for all workers and kept; and word to the audit of those that nobody registered.

Counts are held until the store has them: a fault of the store costs nothing, a crash what came since the last :meth:`flush`.
A batch whose answer was lost is told again under its old number, and counts once. Must not know: who counts, SQL.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import final

from exeat.errors import RefusalError
from exeat.migration.report import Known
from exeat.model.credential_use import (
    DAY,
    CredentialAlert,
    CredentialUse,
    RegisteredCredential,
    Sight,
)
from exeat.model.record import RecordKind
from exeat.ports import AuditSink, Clock, CredentialStore

logger = logging.getLogger("exeat.migration")

_UNMANAGED = frozenset({"foreign", "forwarded"})
_MOST = 100_000
"""Counts that wait for a store that is away; beyond that only their sums by service and state."""
_FOLDED = 31
"""Days for which missions, places and hosts are kept."""
REMEMBERED = 400
"""Days for which anything is."""

Registered = Callable[[], Sequence[RegisteredCredential]]


@dataclass(frozen=True, slots=True)
class _Batch:
    number: int
    uses: tuple[CredentialUse, ...]


@final
class Inventory:
    """One process's part of the counts, and the way to all of them."""

    def __init__(self, store: CredentialStore, audit: AuditSink, clock: Clock, registered: Registered) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._registered = registered
        self._writer = secrets.token_hex(16)
        self._pending: dict[Sight, CredentialUse] = {}
        self._batch: _Batch | None = None
        self._number = 0
        self._turn = asyncio.Lock()
        self._owes = True
        """Whether an alert may be unrecorded; at a start another process may have left one."""

    def note(self, uses: Collection[CredentialUse]) -> None:
        """Take over what a worker counted."""
        for use in uses:
            sight = use.sight
            known = self._pending.get(sight)
            if known is None and len(self._pending) >= _MOST:
                sight = Sight(sight.day, "", sight.service, sight.state, sight.grade, "")
                known = self._pending.get(sight)
            self._pending[sight] = (
                CredentialUse(sight, use.count, use.first_at, use.last_at) if known is None else _sum(known, use)
            )

    async def flush(self) -> None:
        """Write what came, and record the alerts that are new; raise UnavailableError, and nothing is forgotten."""
        async with self._turn:
            if self._batch is not None:
                await self._write(self._batch)
            if self._pending:
                self._number += 1
                self._batch = _Batch(self._number, tuple(self._pending.values()))
                self._pending = {}
                await self._write(self._batch)
            if self._owes:
                await self._record()

    async def _write(self, batch: _Batch) -> None:
        registered = {each.fingerprint for each in self._registered()}
        alerts = _alerts(batch.uses, registered)
        await self._store.add(self._writer, batch.number, batch.uses, alerts, self._clock.time())
        self._batch = None
        self._owes = self._owes or bool(alerts)

    async def _record(self) -> None:
        """The record first: one that a crash keeps from being marked is written once more, and none is lost."""
        for alert in await self._store.unrecorded(self._writer, self._clock.time()):
            try:
                self._audit.append(_record(alert))
            except RefusalError:
                logger.error("the alert about %s could not be recorded; trying again", alert.fingerprint)  # noqa: TRY400
                return
            await self._store.recorded(alert)
        self._owes = False

    async def tidy(self) -> None:
        """Keep less of what is old."""
        today = int(self._clock.time() // DAY)
        await self._store.tidy(today - _FOLDED, today - REMEMBERED)
        self._owes = True  # of a process that is gone

    async def known(self, days: int) -> Known:
        """Everything that a report about so many days, today the last of them, is made from."""
        await self.flush()
        now = self._clock.time()
        since = int(now // DAY) - days + 1
        return Known(
            now,
            since,
            tuple(self._registered()),
            await self._store.uses(since),
            await self._store.totals(),
            await self._store.alerts(since * DAY),
        )


def _sum(known: CredentialUse, use: CredentialUse) -> CredentialUse:
    first, last = min(known.first_at, use.first_at), max(known.last_at, use.last_at)
    return CredentialUse(known.sight, known.count + use.count, first, last)


def _alerts(uses: Sequence[CredentialUse], registered: Collection[str]) -> list[CredentialAlert]:
    """One for each session, service and unregistered credential; a registered one in the wrong place is no stranger."""
    found: dict[tuple[str, str, str, str], CredentialAlert] = {}
    for use in uses:
        sight = use.sight
        if sight.state not in _UNMANAGED or not sight.fingerprint or sight.fingerprint in registered:
            continue
        key = sight.fingerprint, sight.service, sight.agent, sight.mission
        before = found.get(key)
        count = use.count + (0 if before is None else before.count)
        first = use.first_at if before is None else min(before.first_at, use.first_at)
        last = use.last_at if before is None else max(before.last_at, use.last_at)
        found[key] = CredentialAlert(*key, sight.state, sight.place, sight.host, count, first, last)
    return list(found.values())


def _record(alert: CredentialAlert) -> dict[str, object]:
    return {
        "kind": RecordKind.ALERT,
        "event": "credential_unregistered",
        "by": "exeat",
        "agent": alert.agent,
        "mission": alert.mission,
        "service": alert.service,
        "host": alert.host,
        "credential": {"state": alert.state, "fingerprint": alert.fingerprint, "in": alert.place},
        "count": alert.count,
    }
