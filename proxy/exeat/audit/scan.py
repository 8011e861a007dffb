"""Walks a chain's lines and works out what was done to it.

Each position of a chain has one or more *candidates*: lines that claim it. The next record's ``prev``, or the sealed
head after the last one, says which is genuine; the others were inserted. A candidate nobody acknowledges was edited,
however well its own hash fits. A position without any was deleted, unless its record turns up later: then it was
moved. Must not know: folders, keys, outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.audit.chain import GENESIS, Entry
from exeat.audit.findings import ChainFinding, Kind

MOST_FINDINGS = 200
"""Per chain: enough to see what happened, and a bound when somebody fills a file with rubbish."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    entry: Entry
    file: str
    line: int


@dataclass(slots=True)
class _Gap:
    first: int
    last: int
    file: str
    line: int
    lost_file: str


class ChainScan:
    """Fed with a chain's lines in file order, then told where the sealed head stands."""

    __slots__ = ("_candidates", "_gaps", "findings", "lines", "omitted", "seq")

    def __init__(self) -> None:
        self.seq = 0
        """The position reached."""
        self.lines = 0
        self.findings: list[ChainFinding] = []
        self.omitted = 0
        self._candidates: list[_Candidate] = []
        self._gaps: list[_Gap] = []

    def feed(self, entry: Entry, file: str, line: int, lost_file: str = "") -> None:
        """Take one line; ``lost_file`` names a part that should have come between this line and the one before."""
        self.lines += 1
        candidate = _Candidate(entry, file, line)
        if entry.damage or entry.seq == self.seq + 1:
            # A damaged line's own numbers prove nothing: it stands for the position where it lies.
            self._settle(None if entry.damage else entry.prev, candidate)
            self.seq += 1
            self._candidates = [candidate]
        elif entry.seq > self.seq + 1:
            self._settle(None, candidate)
            self._gaps.append(_Gap(self.seq + 1, entry.seq - 1, file, line, lost_file))
            self.seq = entry.seq
            self._candidates = [candidate]
        elif entry.seq == self.seq and self._candidates:
            self._candidates.append(candidate)
        elif self._fill_gap(entry.seq):
            self._report(Kind.REORDERED, candidate, entry.seq, "stands after later records")
        else:
            self._report(Kind.INSERTED, candidate, entry.seq, "this number was already used")

    def acknowledged_by(self, seq: int, digest: str) -> bool:
        """Whether a sealed head may stand here: at the last record, or at the one before it."""
        if seq == self.seq and not self._candidates:
            return digest == GENESIS
        if seq == self.seq:
            return any(digest in candidate.entry.hashes for candidate in self._candidates)
        return seq == self.seq - 1 and any(candidate.entry.prev == digest for candidate in self._candidates)

    def finish(self, digest: str | None) -> None:
        """Settle the last position with the head's hash, if the head stands there, and report what stayed missing."""
        self._settle(digest, None)
        self._candidates = []
        for gap in self._gaps:
            kind = Kind.FILE_MISSING if gap.lost_file else Kind.DELETED
            many = f"records {gap.first} to {gap.last} are" if gap.last > gap.first else f"record {gap.first} is"
            message = f"{many} missing before this line" + (f", with {gap.lost_file}" if gap.lost_file else "")
            self.add(ChainFinding(kind, gap.file, gap.line, gap.first, message))

    def add(self, finding: ChainFinding | None) -> None:
        """Keep a finding, up to the bound."""
        if finding is None:
            return
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)
        else:
            self.omitted += 1

    def _settle(self, prev: str | None, successor: _Candidate | None) -> None:
        """Decide which candidate of the position reached is genuine; ``prev`` is None when nobody can say."""
        if not self._candidates:
            if prev is not None and prev != GENESIS and successor is not None:
                self._report(Kind.EDITED, successor, 1, "starts the chain but names a predecessor")
            return
        known = [candidate for candidate in self._candidates if prev in candidate.entry.hashes]
        unreadable = [candidate for candidate in self._candidates if not candidate.entry.hashes]
        genuine = (known or unreadable or self._candidates)[0]
        for candidate in self._candidates:
            if candidate is not genuine:
                self._report(Kind.INSERTED, candidate, self.seq, "another line is the genuine record of this number")
        if genuine.entry.damage:
            self._report(Kind.EDITED, genuine, self.seq, genuine.entry.damage)
        elif prev is not None and not known:
            witness = "the sealed head" if successor is None else f"{successor.file}:{successor.line}"
            self._report(Kind.EDITED, genuine, self.seq, f"is not the record that {witness} follows")

    def _fill_gap(self, seq: int) -> bool:
        for index, gap in enumerate(self._gaps):
            if gap.first <= seq <= gap.last:
                before = _Gap(gap.first, seq - 1, gap.file, gap.line, gap.lost_file)
                after = _Gap(seq + 1, gap.last, gap.file, gap.line, gap.lost_file)
                self._gaps[index : index + 1] = [part for part in (before, after) if part.first <= part.last]
                return True
        return False

    def _report(self, kind: Kind, candidate: _Candidate, seq: int, message: str) -> None:
        self.add(ChainFinding(kind, candidate.file, candidate.line, seq, message))
