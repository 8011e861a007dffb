"""The sealed head: a chain's newest link under a key, so that cutting a chain's end off shows.

A head is one line of fixed length, rewritten in place:
``exeat-head 1 <seq, 20 digits> <hash> <open|shut> <HMAC-SHA256, hex>``. The HMAC covers the chain's name and everything
before it. It can't be forged without the key, nor moved to another chain. An *old* head of the same chain stays valid,
so heads lie in the state folder, which only its owner can write; whoever owns that folder also holds the key, and only
checkpoints kept elsewhere are out of his reach. Must not know: records, the log's files.
"""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path

from exeat.audit.chain import Link

_HEAD = re.compile(r"(exeat-head 1 ([0-9]{20}) ([0-9a-f]{64}) (open|shut)) ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Head:
    """A head whose seal holds. ``closed`` means its log ended in order and nothing may follow."""

    link: Link
    closed: bool


def pack(chain: str, link: Link, key: bytes, *, closed: bool = False) -> bytes:
    """Return a chain's head as it lies in its file."""
    body = f"exeat-head 1 {link.seq:020d} {link.hash} {'shut' if closed else 'open'}"
    return f"{body} {_seal(chain, body, key)}\n".encode()


def unpack(chain: str, content: bytes, key: bytes) -> Head | None:
    """Return the head, or None unless this key sealed exactly these bytes for this chain."""
    match = _HEAD.fullmatch(content.decode("latin-1"))
    if match is None or not hmac.compare_digest(match[5], _seal(chain, match[1], key)):
        return None
    return Head(Link(int(match[2]), match[3]), match[4] == "shut")


def _seal(chain: str, body: str, key: bytes) -> str:
    return hmac.digest(key, f"{chain} {body}".encode(), "sha256").hex()


class HeadFile:
    """The open file of one chain's head. Every method raises OSError."""

    __slots__ = ("_chain", "_descriptor", "_key", "_path")

    def __init__(self, folder: Path, chain: str, key: bytes) -> None:
        self._path = folder / f"{chain}.head"
        self._chain = chain
        self._key = key
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def write(self, link: Link, *, closed: bool = False) -> None:
        """Put the head in place of the one before. Always the same length, so a full disk can't get in the way."""
        content = pack(self._chain, link, self._key, closed=closed)
        if os.pwrite(self._descriptor, content, 0) != len(content):
            raise OSError("the head was written in part")

    def present(self) -> bool:
        """Whether the path still leads to this file."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)
