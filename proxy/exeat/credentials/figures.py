"""What a broker counts, by kind of issuer: adding is one dictionary entry, reading is for whoever asks.

Must not know: how a token is had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from exeat.counting import Counter, Counts, Labels
from exeat.credentials.cache import Held
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec


@final
class Figures:
    """Hits, mints and failures by service, told by the kind of issuer that the service has."""

    __slots__ = ("_services", "failed", "hits", "issued")

    def __init__(self, services: Mapping[str, IssuerSpec]) -> None:
        self._services = services
        self.hits, self.issued, self.failed = Counter(), Counter(), Counter()

    def read(self, revocations: Counter, held: Iterable[tuple[TokenRequest, Held]], now: float) -> Counts:
        """Every number by metric; ``held`` is what lies in memory at ``now`` (epoch seconds)."""
        return {
            "exeat_credential_cache_hits_total": self._by_issuer(self.hits),
            "exeat_credentials_issued_total": self._by_issuer(self.issued),
            "exeat_credential_failures_total": self._by_issuer(self.failed),
            "exeat_credential_revocations_total": self._by_issuer(revocations),
            **self._ages(held, now),
        }

    def _ages(self, held: Iterable[tuple[TokenRequest, Held]], now: float) -> Counts:
        """How many tokens are held, and how old the oldest is."""
        number: dict[Labels, float] = {}
        oldest: dict[Labels, float] = {}
        for request, each in held:
            kind = (self._kind(request.service),)
            number[kind] = number.get(kind, 0) + 1
            oldest[kind] = max(oldest.get(kind, 0.0), now - each.since)
        return {"exeat_credentials_held": number, "exeat_credential_oldest_seconds": oldest}

    def _by_issuer(self, counter: Counter) -> Mapping[Labels, float]:
        found: dict[Labels, float] = {}
        for (service, *more), number in counter.values.items():
            labels = (self._kind(service), *more)
            found[labels] = found.get(labels, 0) + number
        return found

    def _kind(self, service: str) -> str:
        spec = self._services.get(service)
        return "none" if spec is None else spec.kind
