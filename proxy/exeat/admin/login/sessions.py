"""Logins under way, and sessions of those who have logged in: in memory only, few, and short-lived.

Cookies hold random words; here are their digests. Must not know: HTTP, the provider.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import final

from exeat.admin.call import Caller
from exeat.model.secret import Secret
from exeat.ports import Clock

_MOST = 1000
"""Sessions, and logins under way; the oldest goes first."""
LOGIN_SECONDS = 600.0
"""How long somebody may take to log in."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A login under way. ``cookie`` binds it to the browser that began it, ``state`` its answer to it (RFC 9700 §4.7)."""

    state: str
    nonce: str
    verifier: Secret
    cookie: bytes = field(repr=False)
    until: float

    @property
    def challenge(self) -> str:
        """The verifier's digest (RFC 7636 §4.2)."""
        digest = hashlib.sha256(self.verifier.reveal().encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class _Session:
    caller: Caller
    until: float


@final
class Sessions:
    """Everything a cookie of ours can stand for. Times are monotonic: no clock step prolongs one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()

    def begin(self) -> tuple[Pending, Secret]:
        """Begin a login; return it and the word for the browser's cookie."""
        word = secrets.token_urlsafe(32)
        pending = Pending(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            Secret(secrets.token_urlsafe(48)),
            _digest(word),
            self._clock.monotonic() + LOGIN_SECONDS,
        )
        while len(self._pending) >= _MOST:
            self._pending.popitem(last=False)
        self._pending[pending.state] = pending
        return pending, Secret(word)

    def take(self, state: str, word: str) -> Pending | None:
        """The login that an answer belongs to, once, and only in the browser that began it."""
        pending = self._pending.get(state)
        if pending is None or not hmac.compare_digest(pending.cookie, _digest(word)):
            return None
        del self._pending[state]
        return pending if self._clock.monotonic() < pending.until else None

    def open(self, caller: Caller, seconds: float) -> Secret:
        """Begin a session; return the word for its cookie."""
        word = secrets.token_urlsafe(32)
        while len(self._sessions) >= _MOST:
            self._sessions.popitem(last=False)
        self._sessions[_digest(word)] = _Session(caller, self._clock.monotonic() + seconds)
        return Secret(word)

    def caller(self, word: str) -> Caller | None:
        """Whose session this is, while it lasts."""
        session = self._sessions.get(_digest(word))
        if session is None or self._clock.monotonic() >= session.until:
            return None
        return session.caller

    def end(self, word: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(word), None)


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).digest()
