"""Holds a log against itself and its sealed heads, without stopping whoever writes it.

For each chain, in this order: walk every part and check hashes, numbers and predecessors; hold the end against the
sealed head; match outcomes with decisions; check checkpoints' signatures when given a key. What is allowed to be
unsealed is exactly what a crash can leave: one record, or one unfinished line, after the head of a chain that neither
lives nor was closed. Must not know: what records mean beyond their kind.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from exeat.audit.chain import read_line
from exeat.audit.checkpoint import SignatureCheck, signature_holds
from exeat.audit.findings import ChainFinding, ChainReport, Kind, Verdict
from exeat.audit.layout import ChainName, list_heads, list_parts
from exeat.audit.pairs import OutcomePairs
from exeat.audit.part import is_live
from exeat.audit.reading import LineReader
from exeat.audit.scan import ChainScan
from exeat.audit.seal import Head, unpack
from exeat.errors import UnavailableError
from exeat.model.record import RecordKind

# A living writer seals a record microseconds after it wrote it; a fifth of a second is longer than any scheduler's pause.
_ATTEMPTS = 40
_PAUSE = 0.005


def verify(folder: Path, heads_folder: Path, seal_key: bytes, check_signature: SignatureCheck | None = None) -> Verdict:
    """Return everything that is wrong with the log; raise UnavailableError when it can't be read.

    With ``check_signature`` each checkpoint must carry a signature that it accepts.
    """
    heads = list_heads(heads_folder)  # before the parts: a chain's head is made first
    listing = list_parts(folder)
    try:
        chains = tuple(
            _ChainCheck(name, folder, listing.parts.get(name, {}), heads_folder, seal_key, check_signature).report()
            for name in sorted({*heads, *listing.parts})
        )
    except OSError as error:
        raise UnavailableError(f"the audit log can't be read: {error.filename}: {error.strerror}") from error
    strays = tuple(
        ChainFinding(Kind.STRAY_FILE, str(path), 0, 0, "belongs to no chain", warning=True) for path in listing.strays
    )
    return Verdict(chains, strays, all(chain.ok for chain in chains))


class _ChainCheck:
    """One chain's check, from its first line to its report."""

    def __init__(
        self,
        name: ChainName,
        folder: Path,
        parts: Mapping[int, Path],
        heads_folder: Path,
        key: bytes,
        check: SignatureCheck | None,
    ) -> None:
        self._name, self._folder, self._parts, self._key, self._check = name, folder, parts, key, check
        self._head_path = heads_folder / f"{name}.head"
        self._scan, self._pairs = ChainScan(), OutcomePairs()
        self._readers: dict[int, LineReader] = {}
        self._file = str(self._head_path)  # where a finding about the end belongs

    def report(self) -> ChainReport:
        live = self._is_live()
        head = self._meet_head(live=live)
        live = live and self._is_live()
        scan = self._scan
        closed = head is not None and head.closed
        if not self._readers:
            self._judge_missing(head)
        elif head is not None:
            self._judge_end(head, live=live)
        scan.finish(head.link.hash if head is not None and head.link.seq == scan.seq else None)
        if closed:
            for warning in self._pairs.without_outcome():
                scan.add(warning)
        if scan.omitted:
            scan.findings.append(ChainFinding(Kind.EDITED, self._file, 0, 0, f"{scan.omitted} more findings"))
        files = tuple(reader.path for _, reader in sorted(self._readers.items()))
        findings = tuple(sorted(scan.findings, key=lambda finding: (finding.seq, finding.line)))
        sealed = 0 if head is None else head.link.seq
        return ChainReport(str(self._name), files, scan.lines, sealed, live, closed, findings)

    def _meet_head(self, *, live: bool) -> Head | None:
        """Read lines and head until they meet. A writer is at most one record ahead of its head, and only for a moment."""
        head, content = None, None
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._look_again()
            self._read()
            try:
                content = self._head_path.read_bytes()
            except FileNotFoundError:
                content = None
            head = None if content is None else unpack(str(self._name), content, self._key)
            if head is not None:
                if head.link.seq > self._scan.seq:
                    self._look_again()  # its writer may have started another part
                    self._read(until=head.link.seq)
                    break
                ahead = self._scan.seq - head.link.seq
                if ahead > 1 or (ahead == 0 and not self._rest()):
                    break
            if not live:
                break
            time.sleep(_PAUSE)
        if head is None:
            kind, what = (
                (Kind.HEAD_MISSING, "the chain's sealed head is missing")
                if content is None
                else (Kind.HEAD_FORGED, "the chain's head isn't sealed with this key")
            )
            self._scan.add(ChainFinding(kind, str(self._head_path), 0, 0, what))
        return head

    def _read(self, until: int | None = None) -> None:
        """Feed the lines that have come since; parts are listed first, so one with a successor is complete when read."""
        numbers = sorted(self._parts.items())
        before = 0
        for number, path in numbers:
            reader = self._readers.setdefault(number, LineReader(path))
            self._file = str(path)
            for raw in reader.lines():
                lost = self._name.part(number - 1) if reader.line == 1 and before != number - 1 else ""
                self._feed(raw, reader.line, lost)
                if self._scan.seq == until:
                    return
            if reader.rest and number != numbers[-1][0]:
                finding = ChainFinding(Kind.EDITED, self._file, reader.line + 1, 0, "ends in an unfinished line")
                if finding not in self._scan.findings:
                    self._scan.add(finding)
            before = number

    def _feed(self, raw: bytes, line: int, lost_file: str) -> None:
        entry = read_line(raw, self._name.worker, self._name.boot)
        self._scan.feed(entry, self._file, line, lost_file)
        self._scan.add(self._pairs.feed(entry.fields, self._file, line))
        checkpoint = entry.fields.get("kind") == RecordKind.CHECKPOINT and not entry.damage
        if checkpoint and self._check is not None:
            if signature_holds(entry.fields, self._name.worker, self._name.boot, self._check):
                return
            message = "the checkpoint isn't signed with this key"
            self._scan.add(ChainFinding(Kind.SIGNATURE, self._file, line, entry.seq, message))

    def _judge_missing(self, head: Head | None) -> None:
        if head is None:
            return
        message = f"{head.link.seq} records are sealed but their files are gone"
        if head.link.seq == 0:
            message = "the chain was opened but never written"
        path = str(self._folder / self._name.part(1))
        self._scan.add(ChainFinding(Kind.FILE_MISSING, path, 0, 0, message, warning=head.link.seq == 0))

    def _judge_end(self, head: Head, *, live: bool) -> None:
        """Hold the last position against the head."""
        scan, sealed, line = self._scan, head.link.seq, self._last_line()
        rest = self._rest()
        if scan.seq < sealed:
            message = f"records {scan.seq + 1} to {sealed} are sealed but missing at the end"
            scan.add(ChainFinding(Kind.TRUNCATED, self._file, line + (rest > 0), scan.seq + 1, message))
            return
        ahead = scan.seq - sealed
        if ahead == 1 and not scan.acknowledged_by(sealed, head.link.hash):
            scan.add(ChainFinding(Kind.EDITED, self._file, line, scan.seq, "doesn't follow the sealed head"))
        unsealed = ahead + (rest > 0)
        if unsealed:
            crash = unsealed == 1 and not live and not head.closed
            what = "an unfinished line follows" if rest else f"{ahead} records follow" if ahead > 1 else "follows"
            message = f"{what} the sealed head" + (", as a crash can leave it" if crash else "")
            where = line + (rest > 0)
            scan.add(ChainFinding(Kind.UNSEALED, self._file, where, scan.seq + (rest > 0), message, warning=crash))

    def _look_again(self) -> None:
        self._parts = list_parts(self._folder).parts.get(self._name, {})

    def _is_live(self) -> bool:
        """Whether any part is locked: a new one isn't for a moment, but then the one before still is."""
        return any(is_live(path) for _, path in sorted(self._parts.items(), reverse=True))

    def _last_line(self) -> int:
        return self._readers[max(self._readers)].line

    def _rest(self) -> int:
        return self._readers[max(self._readers)].rest if self._readers else 0
