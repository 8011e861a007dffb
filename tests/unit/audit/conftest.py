"""A log with a clock that stands still unless told, and a verifier for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exeat.audit.findings import Verdict
from exeat.audit.log import AuditLog
from exeat.audit.verify import verify

KEY = b"k" * 32


@dataclass
class MovedClock:
    now: float = 1_800_000_000.25

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.now


@dataclass
class Trail:
    """One installation's audit folders."""

    root: Path
    clock: MovedClock = field(default_factory=MovedClock)
    logs: list[AuditLog] = field(default_factory=list)
    key: bytes = KEY

    @property
    def folder(self) -> Path:
        return self.root / "audit"

    @property
    def heads(self) -> Path:
        return self.root / "state" / "audit-heads"

    def open(self, **options: Any) -> AuditLog:
        log = AuditLog(self.folder, KEY, self.clock, heads_folder=self.heads, **options)
        log.ensure_writable()
        self.logs.append(log)
        return log

    def verify(self, **options: Any) -> Verdict:
        return verify(self.folder, self.heads, KEY, **options)

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def head(self) -> Path:
        (head,) = self.heads.glob("*.head")
        return head

    @staticmethod
    def pair(log: AuditLog, number: int, verdict: str = "permit", **fields: Any) -> None:
        """A decision and, on permit, its outcome."""
        log.append({"kind": "decision", "decision_id": f"d{number}", "decision": verdict, **fields})
        if verdict == "permit":
            log.append({"kind": "outcome", "decision_id": f"d{number}", "outcome": "sent", "status": 200})


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    trail = Trail(tmp_path)
    yield trail
    for log in trail.logs:
        log.close()


@pytest.fixture
def trails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Trail]]:
    """Makes fresh trails, for property tests."""
    made: list[Trail] = []

    def make() -> Trail:
        made.append(Trail(tmp_path_factory.mktemp("trail")))
        return made[-1]

    yield make
    for trail in made:
        for log in trail.logs:
            log.close()
