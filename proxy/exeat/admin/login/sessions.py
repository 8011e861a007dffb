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

SESSION = "exeat_ses_"
"""What a session's word begins with where it is shown as a bearer token, for secret scanners too."""
_MOST = 1000
"""Sessions, and logins under way; the oldest goes first."""
LOGIN_SECONDS = 600.0
"""How long somebody may take to log in."""
CODE_SECONDS = 180.0
"""How long a code is shown for."""
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without what looks like something else."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A login under way. ``cookie`` binds it to the browser that began it, ``state`` its answer to it (RFC 9700 §4.7).

    ``terminal`` is the challenge of a command line that waits for the session, ``""`` for a browser's own.
    """

    state: str
    nonce: str
    verifier: Secret
    cookie: bytes = field(repr=False)
    until: float
    terminal: str = ""

    @property
    def challenge(self) -> str:
        """The verifier's digest."""
        return challenge_of(self.verifier)


@dataclass(frozen=True, slots=True)
class _Session:
    caller: Caller
    until: float
    code: bytes = field(default=b"", repr=False)
    """Where a command line is to fetch it: the digest of what the browser shows."""


@final
class Sessions:
    """Everything a cookie of ours can stand for. Times are monotonic: no clock step prolongs one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._waiting: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, terminal: str = "") -> tuple[Pending, Secret]:
        """Begin a login; return it and the word for the browser's cookie."""
        word = secrets.token_urlsafe(32)
        pending = Pending(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            Secret(secrets.token_urlsafe(48)),
            _digest(word),
            self._clock.monotonic() + LOGIN_SECONDS,
            terminal,
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

    def show(self, caller: Caller, terminal: str) -> Secret:
        """Keep a login for the command line that waits for it; return the code that a person carries over to it."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        while len(self._waiting) >= _MOST:
            self._waiting.popitem(last=False)
        self._waiting[terminal] = _Session(caller, self._clock.monotonic() + CODE_SECONDS, _digest(code))
        return Secret(f"{code[:5]}-{code[5:]}")

    def fetch(self, verifier: Secret, code: str) -> Caller | None:
        """Who logged in for the command line that has this verifier, when the code is right; one try only."""
        waiting = self._waiting.pop(challenge_of(verifier), None)
        if waiting is None or self._clock.monotonic() >= waiting.until:
            return None
        same = hmac.compare_digest(waiting.code, _digest(code.replace("-", "").strip().upper()))
        return waiting.caller if same else None

    def caller(self, word: str) -> Caller | None:
        """Whose session this is, while it lasts."""
        session = self._sessions.get(_digest(word))
        if session is None or self._clock.monotonic() >= session.until:
            return None
        return session.caller

    def end(self, word: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(word), None)


def challenge_of(verifier: Secret) -> str:
    """A verifier's digest (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).digest()
