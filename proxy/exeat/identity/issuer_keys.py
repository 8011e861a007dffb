"""The keys of one trusted issuer, as the request path sees them: always in memory, never fetched for a request.

A key that isn't known asks for an early refresh; keys that couldn't be refreshed for too long are no keys any more. Must not
know: HTTP, files, tokens' claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from exeat.errors import RefusalError
from exeat.identity.issuer import TrustedIssuer
from exeat.identity.jose import invalid_token
from exeat.identity.jwk import VerifyingKey, read_keys
from exeat.model.reason import Reason
from exeat.ports import Clock

_EARLY = 2.0
"""Seconds between two fetches at least, whatever is asked for: an agent can't make us a nuisance to an issuer."""
_MOST_ASKED = 256


@dataclass(frozen=True, slots=True)
class Schedule:
    """In seconds: how often keys are fetched, and how old they may become when they can't be."""

    refresh: float
    keep: float


@final
class IssuerKeys:
    """What is known of one issuer's keys. The refresher feeds it, the verifier reads it."""

    def __init__(self, issuer: TrustedIssuer, schedule: Schedule, clock: Clock) -> None:
        self.issuer = issuer
        self._schedule = schedule
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._asked: dict[str, float] = {}
        self._wanted = False
        self.problem = "never fetched"

    def find(self, kid: str) -> VerifyingKey:
        """The key of this id.

        Raise RefusalError: STATE_STALE while it isn't known whether the issuer has such a key, IDENTITY_INVALID once a fetch
        that began after the first question has shown that it hasn't.
        """
        now = self._clock.monotonic()
        if self._fetched is None or now - self._fetched > self._schedule.keep:
            self._wanted = True
            raise RefusalError(Reason.STATE_STALE, f"no keys of {self.issuer.name} that are fresh enough")
        found = self._keys.get(kid)
        if found is not None:
            return found
        asked = self._asked.get(kid)
        if asked is not None and asked < self._fetched and now < asked + self._schedule.refresh:
            raise invalid_token("not signed with a key of its issuer")
        if asked is None or asked < self._fetched:
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            self._asked[kid] = now
        self._wanted = True
        raise RefusalError(Reason.STATE_STALE, f"{self.issuer.name} has to be asked for this key first")

    def holds(self, key: VerifyingKey) -> bool:
        """Whether this very key may still verify; a token that was verified before is asked this again."""
        fresh = self._fetched is not None and self._clock.monotonic() - self._fetched <= self._schedule.keep
        return fresh and self._keys.get(key.kid) is key

    # --- for the refresher ------------------------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether to fetch now: it is time, or somebody asked and the last try is a while ago."""
        now = self._clock.monotonic()
        if self._tried is None:
            return True
        wait = _EARLY if self._wanted or self.problem else self._schedule.refresh
        return now - self._tried >= min(wait, self._schedule.refresh)

    def begin(self) -> float:
        """Note that a fetch begins; hand what it returns to :meth:`replace`."""
        self._tried = self._clock.monotonic()
        return self._tried

    def replace(self, document: bytes, begun: float) -> int:
        """Use the keys of a new document from now on, and no others; return how many. Raise ValueError for no JWK set.

        A key that is there again, unchanged, stays the same object, so that tokens verified with it needn't be verified anew.
        """
        keys = read_keys(document, self.issuer.algorithms)
        kept = self._keys
        self._keys = {kid: kept[kid] if kid in kept and kept[kid].is_like(key) else key for kid, key in keys.items()}
        self._fetched = begun
        self._wanted = False
        self.problem = ""
        return len(keys)

    def failed(self, problem: str) -> bool:
        """Note why there is no new document; say whether that is news. What is known stays in use until it is too old."""
        news = problem != self.problem
        self.problem = problem
        return news

    def status(self) -> dict[str, Any]:
        """For the admin API."""
        age = None if self._fetched is None else round(self._clock.monotonic() - self._fetched, 1)
        return {"issuer": self.issuer.name, "keys": len(self._keys), "age": age, "problem": self.problem}
