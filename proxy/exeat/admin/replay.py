"""The same answer to the same request sent twice: ``Idempotency-Key``.

A client that lost the answer asks again and gets the mission it opened, not a second one. Answers hold passes, so they
are kept as secrets, in memory only, for ten minutes. Must not know: what is answered.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import final

from exeat.admin.problems import ReplayMismatchError
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.model.secret import Secret
from exeat.ports import Clock

_KEY = re.compile(r"[!-~]{1,255}")
_KEPT_SECONDS = 600.0
_KEPT = 1000


@dataclass(slots=True)
class _Entry:
    body: bytes
    since: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: Secret | None = None


@final
class Replays:
    """Remembers up to a thousand answers by key; the oldest goes first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    async def answer(self, caller: str, key: str, body: bytes, work: Callable[[], Awaitable[str]]) -> tuple[str, bool]:
        """Return the answer to ``body`` and whether it is a repeated one; ``work`` makes it the first time.

        Keys are each caller's own.
        Of two at once the second waits for the first. Raise ReplayMismatchError when the key came with another body,
        InvalidFieldsError when it isn't one visible word.
        """
        if not _KEY.fullmatch(key):
            raise InvalidFieldsError([FieldError("Idempotency-Key", "write 1 to 255 visible ASCII characters")])
        named = (caller, key)
        entry = self._entry(named, hashlib.sha256(body).digest())
        async with entry.lock:
            if entry.answer is not None:
                return entry.answer.reveal(), True
            try:
                entry.answer = Secret(await work())
            except BaseException:
                self._entries.pop(named, None)  # nothing was done, so the key may be used for a corrected body
                raise
            self._entries.setdefault(named, entry)  # somebody who waited while the first one failed
            return entry.answer.reveal(), False

    def _entry(self, key: tuple[str, str], body: bytes) -> _Entry:
        now = self._clock.monotonic()
        while self._entries and now - next(iter(self._entries.values())).since > _KEPT_SECONDS:
            self._entries.popitem(last=False)
        entry = self._entries.get(key)
        if entry is None:
            while len(self._entries) >= _KEPT:
                self._entries.popitem(last=False)
            entry = self._entries[key] = _Entry(body, now)
        elif entry.body != body:
            raise ReplayMismatchError("this Idempotency-Key came with another body before", "Use a new key.")
        return entry
