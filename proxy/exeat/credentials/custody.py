"""What origins hand to a session and its agent must not hold: kept here, while the agent gets a placeholder for it.

In memory only, bounded for each session, gone with its mission and with the process. A placeholder is random, says whose it
is only to us, and opens nothing. Workers of one host tell each other of what they keep. Must not know: cookies, links, HTTP.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_bytes
from typing import final

from exeat.model.secret import Secret

MARK = "exeat_"
"""How every placeholder begins."""
_PLACEHOLDER = re.compile(MARK + r"([A-Za-z0-9_-]{24})")
_OVERHEAD = 300
"""Bytes that an entry takes beside its value, measured."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value, where it may be put back, and until when (epoch seconds; None: as long as the session).

    ``kind`` is ``cookie``, ``link`` or ``token``, ``name`` the cookie's or the query parameter's (a token has none). It goes to
    ``host`` (with ``subdomains``, to all below it too) and to ``others`` (``*.`` is one or more labels), below ``path``, and
    with ``secure`` only over TLS.
    """

    kind: str
    name: str
    value: Secret
    host: str
    subdomains: bool = False
    path: str = "/"
    secure: bool = True
    until: float | None = None
    others: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, nearly."""
        return len(self.value.reveal()) + len(self.path) + _OVERHEAD

    def fits(self, kind: str, name: str, host: str, path: str, *, secure: bool) -> bool:
        """Whether it may be put there (RFC 6265 §5.1.3, §5.1.4)."""
        there = host == self.host or (self.subdomains and host.endswith(f".{self.host}")) or self._elsewhere(host)
        below = path == self.path or (
            path.startswith(self.path) and (self.path.endswith("/") or path[len(self.path)] == "/")
        )
        return there and below and kind == self.kind and name == self.name and (secure or not self.secure)

    def _elsewhere(self, host: str) -> bool:
        return any(host == each or (each[:2] == "*." and host.endswith(each[1:])) for each in self.others)


@dataclass(slots=True)
class _Session:
    held: OrderedDict[str, Kept]
    known: dict[bytes, str]
    size: int = 0


@final
class Custody:
    """Values by session and placeholder; the one used least recently goes first when a session holds too much.

    ``key`` makes placeholders that are known as their session's even when the value is gone; ``most`` is in bytes.
    """

    def __init__(self, key: bytes, clock: Callable[[], float], most: int) -> None:
        self._key = hmac.digest(key, b"exeat custody", "sha256")
        self._clock = clock
        self._most = most
        self._sessions: dict[str, _Session] = {}
        self.tell: Callable[[str, str, Kept], None] = _nobody
        """Is told what is kept anew: session, placeholder, value."""

    def __len__(self) -> int:
        return sum(len(session.held) for session in self._sessions.values())

    def keep(self, session: str, kept: Kept) -> str | None:
        """Return the placeholder for a value, the same for the same one; None for a value that is too large to keep."""
        size = kept.size
        if size > self._most // 4:
            return None
        holder = self._sessions.setdefault(session, _Session(OrderedDict(), {}))
        place = self._known_by(kept)
        known = holder.known.get(place)
        if known is not None:
            changed = holder.held[known].until != kept.until
            holder.held[known] = kept  # its end may be another
            holder.held.move_to_end(known)
            if changed:
                self.tell(session, known, kept)
            return known
        random = token_bytes(12)
        placeholder = MARK + (urlsafe_b64encode(random) + self._seal(session, random)).decode("ascii")
        self._hold(holder, placeholder, kept)
        self.tell(session, placeholder, kept)
        return placeholder

    def add(self, session: str, placeholder: str, kept: Kept) -> None:
        """Keep what somebody else who shares the key keeps, under the same placeholder."""
        holder = self._sessions.setdefault(session, _Session(OrderedDict(), {}))
        if placeholder in holder.held:
            self._drop(holder, placeholder)
        self._hold(holder, placeholder, kept)

    def everything(self) -> Iterator[tuple[str, str, Kept]]:
        """All that is kept: session, placeholder, value."""
        for session, holder in self._sessions.items():
            for placeholder, kept in holder.held.items():
                yield session, placeholder, kept

    def _hold(self, holder: _Session, placeholder: str, kept: Kept) -> None:
        holder.held[placeholder] = kept
        holder.known[self._known_by(kept)] = placeholder
        holder.size += kept.size
        while holder.size > self._most:
            self._drop(holder, next(iter(holder.held)))

    def find(self, session: str, placeholder: str) -> Kept | None:
        """What a placeholder stands for, in its own session and time only."""
        holder = self._sessions.get(session)
        kept = None if holder is None else holder.held.get(placeholder)
        if holder is None or kept is None:
            return None
        if kept.until is not None and kept.until <= self._clock():
            self._drop(holder, placeholder)
            return None
        holder.held.move_to_end(placeholder)
        return kept

    def gave(self, session: str, placeholder: str) -> bool:
        """Whether a placeholder was made for this session, whatever has become of its value."""
        match = _PLACEHOLDER.fullmatch(placeholder)
        if match is None:
            return False
        random, seal = match[1][:16], match[1][16:]
        return hmac.compare_digest(self._seal(session, urlsafe_b64decode(random)), seal.encode("ascii"))

    def forget(self, mission: str) -> int:
        """Drop everything of a mission; return how much that was."""
        ended = [name for name in self._sessions if name.partition("/")[0] == mission]
        return sum(len(self._sessions.pop(name).held) for name in ended)

    def _drop(self, holder: _Session, placeholder: str) -> None:
        kept = holder.held.pop(placeholder)
        place = self._known_by(kept)
        if holder.known.get(place) == placeholder:
            del holder.known[place]
        holder.size -= kept.size

    def _seal(self, session: str, random: bytes) -> bytes:
        return urlsafe_b64encode(hmac.digest(self._key, random + session.encode(), "sha256")[:6])

    def _known_by(self, kept: Kept) -> bytes:
        where = "\0".join(
            (kept.kind, kept.name, kept.host, str(kept.subdomains), kept.path, str(kept.secure), *kept.others)
        )
        told = f"{where}\0{kept.value.reveal()}"
        return hmac.digest(self._key, told.encode("utf-8", "surrogateescape"), "sha256")[:16]


def _nobody(session: str, placeholder: str, kept: Kept) -> None:
    pass


def is_placeholder(text: str) -> bool:
    """Whether a text has the form of a placeholder of ours."""
    return _PLACEHOLDER.fullmatch(text) is not None
