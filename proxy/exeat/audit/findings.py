"""What the verifier can hold against a log, and how it says so.

Must not know: how anything was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """What is wrong."""

    EDITED = "edited"
    DELETED = "deleted"
    REORDERED = "reordered"
    INSERTED = "inserted"
    TRUNCATED = "truncated"
    FILE_MISSING = "file missing"
    HEAD_MISSING = "head missing"
    HEAD_FORGED = "head forged"
    UNSEALED = "unsealed"
    STRAY_FILE = "stray file"
    SIGNATURE = "signature"
    OUTCOME_WITHOUT_DECISION = "outcome without decision"
    TWO_OUTCOMES = "two outcomes"
    NO_OUTCOME = "no outcome"


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """One finding: what, in which file and line (0: the file as a whole), at which ``seq`` (0: none in particular).

    A ``warning`` says what can't be vouched for although nothing speaks of tampering.
    """

    kind: Kind
    file: str
    line: int
    seq: int
    message: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{self.kind}: {self.message}" + (" (warning)" if self.warning else "")
        return f"{where}: seq {self.seq}: {what}" if self.seq else f"{where}: {what}"

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "kind": str(self.kind),
            "file": self.file,
            "line": self.line,
            "seq": self.seq,
            "message": self.message,
            "warning": self.warning,
        }


@dataclass(frozen=True, slots=True)
class ChainReport:
    """One chain as found: ``records`` lines, sealed up to ``sealed``, still written (``live``) or ended in order."""

    chain: str
    files: tuple[Path, ...]
    records: int
    sealed: int
    live: bool
    closed: bool
    findings: tuple[ChainFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing worse than a warning was found."""
        return all(finding.warning for finding in self.findings)

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "chain": self.chain,
            "files": [str(path) for path in self.files],
            "records": self.records,
            "sealed": self.sealed,
            "live": self.live,
            "closed": self.closed,
            "ok": self.ok,
            "findings": [finding.as_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole log's verdict; ``strays`` are warnings about files that belong to no chain."""

    chains: tuple[ChainReport, ...]
    strays: tuple[ChainFinding, ...]
    ok: bool

    @property
    def findings(self) -> tuple[ChainFinding, ...]:
        """Every finding, chain by chain."""
        return tuple(finding for chain in self.chains for finding in chain.findings) + self.strays

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok,
            "chains": [chain.as_dict() for chain in self.chains],
            "strays": [finding.as_dict() for finding in self.strays],
        }
