"""The write-ahead log of one worker: an ``AuditSink`` on files.

What a crash costs. ``append`` returns when the kernel has the line, so a killed process loses no record it was told is
written. The disk has it only after ``checkpoint`` or ``close``, the only places that wait for it: a power cut or a
kernel crash can take everything since the last checkpoint, and the verifier then reports the chain as truncated,
because nobody can tell that from somebody cutting it.

Must not know: what records mean, except that a decision asks for leave and all others report what happened.
"""

from __future__ import annotations

import logging
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, final

from exeat.audit.chain import Link, next_line
from exeat.audit.checkpoint import Signer, checkpoint_record
from exeat.audit.layout import WORKER, ChainName
from exeat.audit.writer import ChainWriter
from exeat.counting import Counts
from exeat.errors import RefusalError, StartError
from exeat.model.reason import Reason
from exeat.model.record import Record, RecordKind
from exeat.ports import Clock

LARGEST_PART = 256 * 1024 * 1024
"""Bytes after which a chain goes on in another file: some 400,000 records."""
RESERVE = 16 * 1024 * 1024
"""Free bytes below which no decision is written any more, so that outcomes of those already taken still find room."""

_log = logging.getLogger("exeat.audit")


@final
class AuditLog:
    """One chain, from the first use to ``close``, of one process; any thread may append.

    After a failure the chain stands exactly where it stood, and the next append tries again by itself. A part that
    somebody else touched is left as it is, for the verifier, and the chain goes on in a new one.
    """

    def __init__(
        self,
        folder: Path,
        seal_key: bytes,
        clock: Clock,
        worker: str = "w0",
        *,
        heads_folder: Path,
        signer: Signer | None = None,
        max_bytes: int = LARGEST_PART,
        reserve: int = RESERVE,
    ) -> None:
        """Touch no file yet; raise StartError for a weak key, a bad worker name or one folder for both."""
        if len(seal_key) < 32:
            raise StartError("the audit's seal key is shorter than 32 bytes", "delete its file to have a new one made")
        if not WORKER.fullmatch(worker):
            raise StartError(f"{worker!r} can't name a worker", "use up to 32 lower-case letters, digits and '_'")
        if folder.resolve() == heads_folder.resolve():
            raise StartError(f"{folder} can't hold the audit and its heads", "set audit.path outside the state folder")
        self._folder, self._heads_folder = folder, heads_folder
        self._clock, self._signer = clock, signer
        self._worker, self._boot = worker, secrets.token_hex(8)
        self._reserve = reserve
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        stamp = datetime.fromtimestamp(clock.time(), UTC).strftime("%Y%m%dT%H%M%S")
        self._writer = ChainWriter(ChainName(stamp, worker, self._boot), folder, heads_folder, seal_key, max_bytes)
        self._closed = self._low = self._failing = False
        self._second, self._stamp = -1, ""
        self._failures, self._appended = 0, 0.0

    @property
    def healthy(self) -> bool:
        """Whether the next decision can be written, as far as is known; False before the first use."""
        return self._writer.whole and not (self._low or self._failing or self._closed)

    @property
    def worker(self) -> str:
        """Who writes it."""
        return self._worker

    @property
    def chain(self) -> str:
        """The chain's name, as in its files."""
        return str(self._writer.name)

    def read(self) -> Counts:
        """What was counted, by metric."""
        return {
            "exeat_audit_append_failures_total": {("file",): self._failures},
            "exeat_audit_last_append_timestamp_seconds": {("file",): self._appended},
        }

    def ensure_writable(self) -> None:
        """Open the chain; raise StartError with the fix when a folder can't be written or has no room."""
        with self._lock:
            if self._closed:
                raise StartError("the audit log is closed", "make a new one")
            try:
                self._prepare(self._clock.time())
            except OSError as error:
                fix = f"let the user who runs exeat write {self._folder} and {self._heads_folder}, with space free"
                raise StartError(f"the audit log can't be written: {error.strerror or error}", fix) from error
            if self._low:
                raise StartError(f"less than {self._reserve} bytes are free for {self._folder}", "free some space")

    def append(self, record: Record) -> None:
        """Chain, write and seal one record: line first, head second.

        Raise RefusalError(AUDIT_UNAVAILABLE) when any of it fails; the record then doesn't count.
        """
        with self._lock:
            self._append(record)

    def checkpoint(self) -> Link:
        """Append a signed record, wait until the disk has everything up to it, and return its link, to keep elsewhere.

        Appends go on meanwhile, so call it from a thread and never from the loop. Raise RefusalError(AUDIT_UNAVAILABLE)
        when it can't be written, signed or brought to the disk.
        """
        with self._sync_lock:
            with self._lock:
                self._append(checkpoint_record(self._worker, self._boot, self._writer.link, self._signer))
                link, unsynced = self._writer.link, self._writer.unsynced()
            try:
                unsynced.sync()
            except OSError as error:
                with self._lock:
                    # After a failed fsync Linux may drop pages and still show them as written: trust a new file only.
                    self._writer.replace()
                    self._fail(error)
            return link

    def close(self) -> None:
        """Wait for the disk, seal the chain as complete and let go of its files. Never raises; may be repeated."""
        with self._sync_lock, self._lock:
            self._closed = True
            try:
                self._writer.close()
            except OSError as error:
                _log.error("audit chain %s isn't sealed as complete: %s", self.chain, error.strerror or error)

    def _append(self, record: Record) -> None:
        if self._closed:
            raise RefusalError(Reason.AUDIT_UNAVAILABLE, "the audit log is closed")
        now = self._clock.time()
        try:
            if int(now) != self._second or not self._writer.ready:
                self._prepare(now)
            if self._low and record.get("kind") == RecordKind.DECISION:
                self._failures += 1
                raise RefusalError(Reason.AUDIT_UNAVAILABLE, "the audit log's disk is almost full")
            time = f"{self._stamp}{int((now - self._second) * 1e6):06d}Z"
            self._writer.write(*next_line(record, self._writer.link, self._worker, self._boot, time))
            self._appended = now
        except (OSError, StartError) as error:
            self._fail(error)
        if self._failing:
            self._failing = False
            _log.warning("audit chain %s is written again", self.chain)

    def _prepare(self, now: float) -> None:
        """Once a second, and after a failure: the time's text, the files' state, the room on the disk."""
        self._second = int(now)
        self._stamp = datetime.fromtimestamp(self._second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        if not self._writer.untouched():
            _log.error("somebody else touched audit chain %s; it goes on in a new file", self.chain)
            self._writer.replace()
        if not self._writer.ready:
            self._writer.mend()
        self._low = self._writer.free_bytes() < self._reserve

    def _fail(self, error: OSError | StartError) -> NoReturn:
        self._failures += 1
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if not self._failing:
            self._failing = True
            _log.error("audit chain %s can't be written: %s", self.chain, why)
        self._writer.undo()
        raise RefusalError(Reason.AUDIT_UNAVAILABLE, why) from error
