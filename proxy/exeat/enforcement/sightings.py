"""Counts which credentials requests brought, by session and day, until somebody asks.

One dictionary entry a request. Bounded whatever agents send: one that invents credentials is told apart for the first few of
them. Must not know: how a credential is recognised, who asks.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, final

from exeat.counting import Labels
from exeat.model.credential_use import DAY, NEVER_TOLD, CredentialUse, Sight
from exeat.model.record import Record

_MOST = 20_000
"""What is told apart between two reports; beyond that it is counted by service and state alone."""
_STRANGERS = 16
"""Unmanaged credentials of one session that are told apart; the others are counted without a fingerprint."""
_SESSIONS = 20_000
"""Sessions whose unmanaged credentials are remembered; the oldest is forgotten first."""
_HANDED_OUT = "kept"
"""What an origin gave this very session: it says nothing about a shared credential."""
_UNMANAGED = frozenset({"foreign", "forwarded"})

_Key = tuple[int, str, str, str, str, str, str, str, str]


@final
class Sightings:
    """The counts of one worker. ``holders`` are the services that take a credential."""

    def __init__(self, holders: Container[str]) -> None:
        self._holders = holders
        self._rows: dict[_Key, list[float]] = {}
        self._strangers: dict[tuple[str, str], set[str]] = {}
        self._seen: dict[Labels, int] = {}

    def see(self, record: Record, now: float) -> None:
        """Count a decision that was written."""
        credential, service = record["credential"], record["service"]
        state, agent = credential["state"], record["agent"]
        if state == _HANDED_OUT:
            return
        if state in NEVER_TOLD:
            if service not in self._holders:
                return
            key = (int(now // DAY), "", service, state, credential["grade"], agent, "", "", "")
        else:
            key = self._told(record, credential, now)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _MOST:
                key = (key[0], "", service, state, credential["grade"], "", "", "", "")
            row = self._rows.setdefault(key, [0, now, now])
        row[0] += 1
        row[2] = now

    def _told(self, record: Record, credential: dict[str, Any], now: float) -> _Key:
        state, agent, mission = credential["state"], record["agent"], record["mission"]
        name = credential.get("fingerprint", "")
        if state in _UNMANAGED and name and not self._is_told_apart(agent, mission, name):
            name = ""
        place = credential.get("in", "")
        day = int(now // DAY)
        return (day, name, record["service"], state, credential["grade"], agent, mission, place, record["host"])

    def _is_told_apart(self, agent: str, mission: str, name: str) -> bool:
        session = agent, mission
        known = self._strangers.get(session)
        if known is None:
            while len(self._strangers) >= _SESSIONS:
                del self._strangers[next(iter(self._strangers))]
            known = self._strangers[session] = set()
        if name not in known and len(known) < _STRANGERS:
            known.add(name)
        return name in known

    def take(self) -> tuple[CredentialUse, ...]:
        """Return what was counted since the last call."""
        rows, self._rows = self._rows, {}
        for (_, _, service, state, *_), row in rows.items():
            labels = str(state), service
            self._seen[labels] = self._seen.get(labels, 0) + int(row[0])
        return tuple(
            CredentialUse(Sight(day, *map(str, words)), int(count), first, last)
            for (day, *words), (count, first, last) in rows.items()
        )

    def read(self) -> dict[str, dict[Labels, int]]:
        """Everything counted up to the last :meth:`take`, by metric."""
        return {"exeat_credentials_seen_total": self._seen}
