"""Questions to the log: what happened, in time order over all chains.

Readers take no locks and never wait for writers; what isn't a whole record is passed over, since telling is the
verifier's business. All of them read files: call them from a thread where a loop must not wait. They raise
UnavailableError when the log can't be read. Must not know: heads, keys.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from exeat.audit.chain import LONGEST_LINE
from exeat.audit.layout import list_parts
from exeat.audit.merge import Source, merge
from exeat.audit.reading import LineReader, backwards
from exeat.errors import UnavailableError
from exeat.model.record import Record, RecordKind


def records(folder: Path, *, since: float | None = None, filters: Mapping[str, str] | None = None) -> Iterator[Record]:
    """Yield records, oldest first. ``since`` is in seconds since the epoch; ``filters`` as in :func:`matches`."""
    start = "" if since is None else datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with _readable():
        sources = [
            Source(_stamp(files[0]), partial(_forwards, files))
            for files in _chains(folder)
            if not start or str(next(_backwards(files), {}).get("time", "")) >= start
        ]
        for record in merge(sources):
            if str(record.get("time", "")) >= start and matches(record, filters or {}):
                yield record


def newest(folder: Path, *, filters: Mapping[str, str] | None = None) -> Iterator[Record]:
    """Yield records, newest first, reading no more of the files than is asked for."""
    with _readable():
        sources = []
        for files in _chains(folder):
            end = next(_backwards(files), None)
            if end is not None:
                sources.append(Source(str(end.get("time", "")), partial(_backwards, files)))
        for record in merge(sources, newest_first=True):
            if matches(record, filters or {}):
                yield record


def find(folder: Path, decision_id: str) -> list[Record]:
    """Return a decision's record and, after it, its outcome's if there is one; nothing when it isn't known."""
    needle = orjson.dumps(decision_id)
    found: list[Record] = []
    with _readable():
        for files in reversed(_chains(folder)):
            for record in _backwards(files, needle):
                if record.get("decision_id") == decision_id:
                    found.append(record)
                    if record.get("kind") == RecordKind.DECISION:
                        return found[::-1]
    return found[::-1]


def last(folder: Path) -> Record | None:
    """Return the newest decision record."""
    return next(newest(folder, filters={"kind": RecordKind.DECISION}), None)


def tail(folder: Path, n: int, *, filters: Mapping[str, str] | None = None, before: str | None = None) -> list[Record]:
    """Return the ``n`` newest records that match, oldest of them first.

    With ``before`` only those older than the record that has this hash; none when no record has it.
    """
    if before is None:
        return list(islice(newest(folder, filters=filters), n))[::-1]
    older = newest(folder)
    for record in older:
        if record.get("hash") == before:
            break
    return list(islice((record for record in older if matches(record, filters or {})), n))[::-1]


def follow(
    folder: Path,
    *,
    filters: Mapping[str, str] | None = None,
    poll: float = 0.25,
    stop: threading.Event | None = None,
) -> Iterator[Record]:
    """Yield records as they come, from now until ``stop`` is set. ``poll`` is in seconds.

    "Now" is when the first record is asked for; within one look, chains come one after the other.
    """
    stop = stop or threading.Event()
    readers: dict[Path, LineReader] = {}
    with _readable():
        for path in (path for files in _chains(folder) for path in files):
            readers[path] = LineReader(path, _end_of_last_line(path))
        while not stop.is_set():
            for path in (path for files in _chains(folder) for path in files):
                reader = readers.setdefault(path, LineReader(path))
                reader.offset = min(reader.offset, path.stat().st_size)  # a failed write was taken back
                for line in reader.lines():
                    record = _record(line)
                    if record is not None and matches(record, filters or {}):
                        yield record
            stop.wait(poll)


def matches(record: Record, filters: Mapping[str, str]) -> bool:
    """Whether every filter holds: ``field`` or ``field.member`` equals the text, or a list holds it.

    ``agent`` also takes an agent's name, or ``environment/name``, for its SPIFFE ID.
    """
    return all(_holds(record, field, text) for field, text in filters.items())


def _holds(record: Record, field: str, text: str) -> bool:
    value: Any = record
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, list):
        return text in map(str, value)
    if isinstance(value, bool):
        return text == str(value).lower()
    if value is None:
        return False
    if field == "agent" and "://" not in text:
        environment, _, name = text.rpartition("/")
        parts = str(value).split("/")
        return parts[-1] == name and environment in ("", parts[-3] if len(parts) > 3 else "")
    return str(value) == text


def _chains(folder: Path) -> list[tuple[Path, ...]]:
    listing = list_parts(folder)
    return [listing.files(name) for name in listing.parts]


def _forwards(files: tuple[Path, ...]) -> Iterator[Record]:
    for path in files:
        for line in LineReader(path).lines():
            if (record := _record(line)) is not None:
                yield record


def _backwards(files: tuple[Path, ...], needle: bytes = b"") -> Iterator[Record]:
    for path in reversed(files):
        for line in backwards(path):
            if needle in line and (record := _record(line)) is not None:
                yield record


def _record(line: bytes) -> Record | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _stamp(path: Path) -> str:
    """A chain's start as its records would write it."""
    name = path.name
    return f"{name[:4]}-{name[4:6]}-{name[6:8]}T{name[9:11]}:{name[11:13]}:{name[13:15]}"


def _end_of_last_line(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.seek(max(0, size - LONGEST_LINE))
        return start + file.read(size - start).rfind(b"\n") + 1


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"the audit log can't be read: {error.filename}: {error.strerror}") from error
