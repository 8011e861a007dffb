"""Lines of a file that may be growing: forwards from where one stopped, or backwards from the end.

Lines are split at line feeds alone, never with ``splitlines``, which would also split at characters an agent may send.
Must not know: what a line holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from exeat.audit.chain import LONGEST_LINE

_BLOCK = 64 * 1024


class LineReader:
    """Reads whole lines of one file and remembers where it is. ``rest`` counts bytes after the last line feed."""

    __slots__ = ("line", "offset", "path", "rest")

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.line = 0
        self.rest = 0

    def lines(self) -> Iterator[bytes]:
        """Yield each whole line from here on, with its line feed; one that is too long comes cut, without it.

        An unfinished last line is left for the next call. Raise OSError.
        """
        self.rest = 0
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while raw := file.readline(LONGEST_LINE):
                end = file.tell()
                if not raw.endswith(b"\n"):
                    if len(raw) < LONGEST_LINE:
                        self.rest = len(raw)
                        return
                    while (more := file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                        pass
                    end = file.tell()
                self.offset = end
                self.line += 1
                yield raw


def backwards(path: Path) -> Iterator[bytes]:
    """Yield a file's whole lines from the last to the first, without their line feeds. Raise OSError."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        pending: list[bytes] = []  # pieces of the line that starts further ahead, last piece first
        whole = False  # whether a line feed has ended it
        while position:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            *lines, tail = file.read(step).split(b"\n")
            if lines:
                pending.append(tail)
                if whole:
                    yield b"".join(reversed(pending))
                whole = True
                yield from reversed(lines[1:])
                pending = [lines[0]]
            else:
                pending.append(tail)
        if whole:
            yield b"".join(reversed(pending))
