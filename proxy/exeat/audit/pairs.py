"""One decision, one outcome: the check across the records of a chain.

Must not know: hashes, heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exeat.audit.findings import ChainFinding, Kind
from exeat.model.record import RecordKind

# Decisions that are over are remembered this long, to tell a second outcome from one without a decision. Both are
# findings either way; the bound keeps a year's log out of memory.
_REMEMBERED = 500_000


class OutcomePairs:
    """Fed with a chain's records in file order."""

    __slots__ = ("_over", "_permits")

    def __init__(self) -> None:
        self._permits: dict[str, tuple[str, int, int]] = {}  # decision id → file, line, seq, until its outcome comes
        self._over: dict[str, bool] = {}  # decision id → whether it has had its outcome

    def feed(self, fields: Mapping[str, Any], file: str, line: int) -> ChainFinding | None:
        """Take one record; return what is wrong with it."""
        kind, key, seq = fields.get("kind"), fields.get("decision_id"), fields.get("seq")
        if not isinstance(key, str) or not isinstance(seq, int):
            return None
        if kind == RecordKind.DECISION:
            if fields.get("decision") == "permit":
                self._permits[key] = (file, line, seq)
            else:
                self._remember(key, had_outcome=False)
            return None
        if kind != RecordKind.OUTCOME:
            return None
        if self._permits.pop(key, None) is not None or self._over.get(key) is False:
            self._remember(key, had_outcome=True)
            return None
        if key in self._over:
            return ChainFinding(Kind.TWO_OUTCOMES, file, line, seq, f"decision {key[:64]!r} already has an outcome")
        return ChainFinding(Kind.OUTCOME_WITHOUT_DECISION, file, line, seq, f"no decision {key[:64]!r} comes before it")

    def without_outcome(self) -> Iterator[ChainFinding]:
        """After a complete chain: a warning for each permit whose outcome never came."""
        for key, (file, line, seq) in self._permits.items():
            yield ChainFinding(Kind.NO_OUTCOME, file, line, seq, f"permit {key[:64]!r} has no outcome", warning=True)

    def _remember(self, key: str, *, had_outcome: bool) -> None:
        self._over[key] = had_outcome
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]
