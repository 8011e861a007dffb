"""Key rings: the keys of one purpose, kept in the state folder and replaced in time.

A ring is ``<purpose>-keys.json`` (which keys, since when, until when) and one ``<purpose>-<kid>.pem`` a key, private
files all. Processes that share the folder take turns in writing, and follow each other. Must not know: what is signed.
"""

from __future__ import annotations

import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from exeat import files
from exeat.credentials.signing import Algorithm, PublicKey, SigningKey
from exeat.errors import StartError, UnavailableError
from exeat.ports import Clock

logger = logging.getLogger("exeat.keys")

_PURPOSE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_KID = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the index; times in epoch seconds, ``retired`` is ``None`` for the key that signs now."""

    kid: str
    created: float
    retired: float | None = None


class KeyRing:
    """The key that signs now, and the retired ones that still verify. Get one with :meth:`load_or_create`."""

    def __init__(
        self, folder: Path, purpose: str, algorithm: Algorithm, *, rotate: float, overlap: float, clock: Clock
    ) -> None:
        self._folder = folder
        self._purpose = purpose
        self._algorithm: Algorithm = algorithm
        self._rotate = rotate
        self._overlap = overlap
        self._clock = clock
        self._entries: tuple[_Entry, ...] = ()
        self._public: dict[str, PublicKey] = {}
        self._until: dict[str, float] = {}
        self._current: SigningKey
        self._read: tuple[int, int] = (0, 0)
        self._looked = 0.0

    @classmethod
    def load_or_create(
        cls, folder: Path, purpose: str, algorithm: Algorithm, rotate: float, overlap: float, clock: Clock
    ) -> KeyRing:
        """Read a ring, or make its first key; a key that is too old, or of another algorithm, is replaced.

        A key signs for ``rotate`` seconds and verifies for ``overlap`` more, which must be at least the longest life
        of what it signs. Raise StartError when a file is missing, damaged or readable by others.
        """
        if not _PURPOSE.fullmatch(purpose):
            raise StartError(f"{purpose!r} can't name a key ring", "use lower-case letters, digits and hyphens")
        ring = cls(folder, purpose, algorithm, rotate=rotate, overlap=overlap, clock=clock)
        try:
            files.private_folder(folder)
            with files.locked(folder / ".lock"):
                if not ring._index.exists():
                    ring._replace(None)
            ring._load()
            ring.rotate_if_due()
        except (OSError, UnavailableError) as error:
            raise StartError(
                f"the keys in {folder} can't be used: {error}", "check its owner, mode and space"
            ) from error
        return ring

    def current(self) -> SigningKey:
        """The key to sign with now."""
        return self._current

    def public(self, kid: str) -> PublicKey | None:
        """The key of this id while it may verify, else None.

        One that isn't known may have been made by another process just now: the ring is looked at again, at most once a
        second.
        """
        if kid not in self._public and self._clock.monotonic() - self._looked >= 1:
            self.follow()
        until = self._until.get(kid)
        if until is not None and self._clock.time() >= until:
            return None
        return self._public.get(kid)

    def jwks(self) -> dict[str, Any]:
        """The JWK set to publish (RFC 7517 §5): every key that may verify, the one that signs now first."""
        kids = [entry.kid for entry in reversed(self._entries)]
        return {"keys": [key.jwk() for key in map(self.public, kids) if key is not None]}

    def rotate_if_due(self) -> bool:
        """Replace the signing key when its time is up and say whether that was so.

        Writes files: call it from a timer, never for a request. Raise UnavailableError when they can't be written;
        the old key then goes on signing.
        """
        if not self._due():
            return False
        try:
            with files.locked(self._folder / ".lock"):
                self.follow()  # another process may have been faster
                if not self._due():
                    return False
                self._replace(self._entries[-1])
        except OSError as error:
            raise UnavailableError(f"a new {self._purpose} key can't be written: {error.strerror}") from error
        return True

    def _due(self) -> bool:
        newest = self._entries[-1]
        return self._current.algorithm != self._algorithm or self._clock.time() >= newest.created + self._rotate

    def follow(self) -> None:
        """Take over what the process that writes the ring has changed; a ring that can't be read stays as it was."""
        self._looked = self._clock.monotonic()
        try:
            if self._mark() != self._read:
                self._load()
        except (OSError, StartError, UnavailableError) as error:
            logger.warning("the %s keys can't be read again: %s", self._purpose, error)

    def _mark(self) -> tuple[int, int]:
        status = self._index.stat()
        return status.st_ino, status.st_mtime_ns

    @property
    def _index(self) -> Path:
        return self._folder / f"{self._purpose}-keys.json"

    def _pem(self, kid: str) -> Path:
        return self._folder / f"{self._purpose}-{kid}.pem"

    def _replace(self, newest: _Entry | None) -> None:
        """Key file first, index second, memory last: a crash in between leaves at most an unused key file."""
        now = self._clock.time()
        key = SigningKey.generate(self._algorithm)
        entries = [*self._entries[:-1], _Entry(newest.kid, newest.created, now)] if newest else []
        kept = [entry for entry in entries if entry.retired is None or now < entry.retired + self._overlap]
        kept.append(_Entry(key.kid, now))
        files.write_private(self._pem(key.kid), key.pem())
        files.write_private(self._index, orjson.dumps([asdict(entry) for entry in kept]))
        self._read = self._mark()
        self._install(kept, {**self._public, key.kid: key.public()}, key)
        for entry in entries:
            if entry not in kept:
                self._pem(entry.kid).unlink(missing_ok=True)

    def _install(self, entries: list[_Entry], public: dict[str, PublicKey], current: SigningKey) -> None:
        self._entries = tuple(entries)
        self._public = {entry.kid: public[entry.kid] for entry in entries}
        self._until = {entry.kid: entry.retired + self._overlap for entry in entries if entry.retired is not None}
        self._current = current

    def _load(self) -> None:
        self._read = self._mark()
        entries = self._read_index()
        keys = {entry.kid: self._read_key(entry.kid) for entry in entries}
        self._install(entries, {kid: key.public() for kid, key in keys.items()}, keys[entries[-1].kid])

    def _read_index(self) -> list[_Entry]:
        try:
            entries = [_entry(line) for line in orjson.loads(files.read_private(self._index))]
            if [entry.retired is None for entry in entries] != [False] * (len(entries) - 1) + [True]:
                raise ValueError("the last key, and only that, must be in use")
        except (LookupError, TypeError, ValueError) as error:
            raise StartError(f"{self._index} is damaged: {error}", self._remedy) from error
        return entries

    def _read_key(self, kid: str) -> SigningKey:
        path = self._pem(kid)
        if not path.exists():
            raise StartError(f"{path} is missing", self._remedy)
        try:
            key = SigningKey.from_pem(files.read_private(path))
        except ValueError:
            # Not chained: what a parser says about a private key may quote it.
            raise StartError(f"{path} is not a usable private key", self._remedy) from None
        if key.kid != kid:
            raise StartError(f"{path} holds another key than its name says", self._remedy)
        return key

    @property
    def _remedy(self) -> str:
        return (
            f"restore it from a backup, or delete {self._index} to begin anew: everything signed so far is then refused"
        )


def _entry(line: Any) -> _Entry:
    kid, created, retired = line["kid"], line["created"], line["retired"]
    if not (isinstance(kid, str) and _KID.fullmatch(kid)):
        raise ValueError("a kid is wrong")
    return _Entry(kid, float(created), None if retired is None else float(retired))
