"""The chain: how a record names its predecessor, and what exactly is hashed.

A line is ``{"seq":…,"time":…,<the record's fields>,"chain":{"worker":…,"boot":…},"prev":"…","hash":"…"}`` and a line
feed. ``hash`` is the lower-case hex SHA-256 of the line's own bytes with the last member taken out: everything before
``,"hash":``, then one ``}``. Bytes are hashed as they lie in the file, so nobody has to agree on a canonical JSON and
no byte can change unseen. ``prev`` is the predecessor's ``hash``, 64 zeros in the first line; ``seq`` counts from 1.

The hash has no key: whoever can write the file can forge the rest of a chain. The sealed head (``seal``) shows that.
Must not know: files, keys, the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from exeat.audit.fields import encode
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.record import Record

GENESIS = "0" * 64
LONGEST_LINE = 1024 * 1024
"""Bytes. Fields an agent fills are capped far below; an admin's mission record may list many destinations."""

_OWN = frozenset({"seq", "time", "chain", "prev", "hash"})
_TAIL = re.compile(rb',"hash":"([0-9a-f]{64})"\}\n')
_TAIL_LENGTH = len(b',"hash":""}\n') + 64


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: the newest record's number and hash."""

    seq: int
    hash: str


START = Link(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as read. ``hashes`` holds what a successor may call it: the hash it states and the one it has.

    ``damage`` says what is wrong with the line on its own; empty when its hash holds. ``fields`` of a damaged line are
    what could be read, perhaps nothing.
    """

    seq: int
    prev: str
    hashes: frozenset[str]
    fields: dict[str, Any]
    damage: str = ""


def next_line(record: Record, previous: Link, worker: str, boot: str, time: str) -> tuple[bytes, Link]:
    """Return the line that continues a chain after ``previous``, and the link it makes.

    Raise RefusalError(AUDIT_UNAVAILABLE) when the record sets one of the chain's own fields, has no JSON form or is
    longer than ``LONGEST_LINE``.
    """
    if not _OWN.isdisjoint(record):
        raise RefusalError(Reason.AUDIT_UNAVAILABLE, "a record sets a field of the chain")
    seq = previous.seq + 1
    fields = encode(record)[1:-1]
    body = b'{"seq":%d,"time":"%b",%b%b"chain":{"worker":"%b","boot":"%b"},"prev":"%b"' % (
        seq, time.encode(), fields, b"," if fields else b"", worker.encode(), boot.encode(), previous.hash.encode(),
    )  # fmt: skip
    digest = sha256(body + b"}").hexdigest()
    line = b'%b,"hash":"%b"}\n' % (body, digest.encode())
    if len(line) > LONGEST_LINE:
        raise RefusalError(Reason.AUDIT_UNAVAILABLE, f"a record of {len(line)} bytes is too long")
    return line, Link(seq, digest)


def read_line(line: bytes, worker: str, boot: str) -> Entry:
    """Read one line of this worker's chain and hold its bytes against its own hash. Never raises."""
    tail = _TAIL.fullmatch(line, max(0, len(line) - _TAIL_LENGTH))
    if tail is None:
        return Entry(0, "", frozenset(), {}, "is not a whole record")
    stated = tail[1].decode()
    actual = sha256(line[: tail.start()] + b"}").hexdigest()
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Entry(0, "", frozenset({stated, actual}), {}, "is not a JSON object")
    seq, prev = fields.get("seq"), fields.get("prev")
    if type(seq) is not int or seq < 1 or not isinstance(prev, str):
        return Entry(0, "", frozenset({stated, actual}), fields, "has no valid seq and prev")
    damage = "" if stated == actual else "does not match its hash"
    if not damage and fields.get("chain") != {"worker": worker, "boot": boot}:
        damage = "belongs to another chain"
    return Entry(seq, prev, frozenset({stated, actual}), fields, damage)
