"""How chains, parts and heads are named and found.

    <folder>/<YYYYMMDDTHHMMSS>-<worker>-<boot>.jsonl        the first part; the stamp is the chain's start, UTC
    <folder>/<YYYYMMDDTHHMMSS>-<worker>-<boot>_0002.jsonl   the second, once the first has grown too large
    <heads>/<YYYYMMDDTHHMMSS>-<worker>-<boot>.head

Must not know: what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exeat.errors import UnavailableError

WORKER = re.compile(r"[a-z0-9_]{1,32}")
_CHAIN = r"([0-9]{8}T[0-9]{6})-([a-z0-9_]{1,32})-([0-9a-f]{16})"
_PART = re.compile(_CHAIN + r"(?:_([0-9]{4,9}))?\.jsonl")
_HEAD = re.compile(_CHAIN + r"\.head")


@dataclass(frozen=True, slots=True, order=True)
class ChainName:
    """A chain's name; sorts by its start."""

    stamp: str
    worker: str
    boot: str

    def __str__(self) -> str:
        return f"{self.stamp}-{self.worker}-{self.boot}"

    def part(self, number: int) -> str:
        """The file name of a part, counted from 1."""
        return f"{self}.jsonl" if number == 1 else f"{self}_{number:04d}.jsonl"


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder: each chain's parts by number, and ``.jsonl`` files that are no part."""

    parts: Mapping[ChainName, Mapping[int, Path]]
    strays: tuple[Path, ...]

    def files(self, chain: ChainName) -> tuple[Path, ...]:
        """A chain's parts in order."""
        return tuple(path for _, path in sorted(self.parts.get(chain, {}).items()))


def list_parts(folder: Path) -> Listing:
    """Return every chain's parts, oldest chain first; raise UnavailableError when the folder can't be read.

    A folder that isn't there holds nothing.
    """
    parts: dict[ChainName, dict[int, Path]] = {}
    strays: list[Path] = []
    for path in _files(folder):
        match = _PART.fullmatch(path.name)
        name = None if match is None else ChainName(match[1], match[2], match[3])
        number = int((match and match[4]) or 1)
        if name is not None and number and path.name == name.part(number) and path.is_file():
            parts.setdefault(name, {})[number] = path
        elif path.suffix == ".jsonl":
            strays.append(path)
    return Listing(dict(sorted(parts.items())), tuple(strays))


def list_heads(folder: Path) -> dict[ChainName, Path]:
    """Return every chain's head; raise UnavailableError when the folder can't be read."""
    found = ((_HEAD.fullmatch(path.name), path) for path in _files(folder))
    return {ChainName(match[1], match[2], match[3]): path for match, path in found if match is not None}


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnavailableError(f"{folder} can't be read: {error.strerror}") from error
