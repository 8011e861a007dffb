"""The files of one living chain: the current part, the parts before it, and the head.

After a failed write the chain is *not whole*; ``mend`` puts it back to its last sealed line before anything else is
written. Must not know: records, refusals, the clock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from exeat.audit.chain import START, Link
from exeat.audit.layout import ChainName
from exeat.audit.part import Part, sync_folder
from exeat.audit.seal import HeadFile
from exeat.files import private_folder


@dataclass(frozen=True, slots=True)
class Unsynced:
    """What the disk may not have yet. ``retired`` files are written no more and belong to whoever holds this."""

    retired: tuple[Part | HeadFile, ...]
    current: tuple[Part | HeadFile, ...]
    folders: tuple[Path, ...]

    def sync(self) -> None:
        """Wait until the disk has it all, oldest first and the head last; close what is retired. Raise OSError."""
        try:
            for file in (*self.retired, *self.current):
                file.sync()
            for folder in self.folders:
                sync_folder(folder)
        finally:
            for file in self.retired:
                file.close()


class ChainWriter:
    """Writes lines and seals them. Methods raise OSError, and StartError for a folder that others can write."""

    __slots__ = (
        "_folder", "_head", "_heads_folder", "_key", "_max_bytes", "_named", "_number", "_part", "_replace", "_retired",
        "link", "name", "whole",
    )  # fmt: skip

    def __init__(self, name: ChainName, folder: Path, heads_folder: Path, key: bytes, max_bytes: int) -> None:
        """Touch nothing yet; ``mend`` opens the first part."""
        self.name = name
        self.link: Link = START
        self.whole = False
        self._folder, self._heads_folder = folder, heads_folder
        self._key, self._max_bytes = key, max_bytes
        self._part: Part | None = None
        self._head: HeadFile | None = None
        self._number = 0
        self._replace = False
        self._named = False  # whether a file was made since the folders were last brought to the disk
        self._retired: list[Part | HeadFile] = []

    @property
    def ready(self) -> bool:
        """Whether the next line may be written without ``mend``."""
        return self.whole and self._part is not None and self._part.size < self._max_bytes

    def write(self, line: bytes, link: Link) -> None:
        """Append a line, then seal it; only then does it count. Whatever interrupts this leaves the chain not whole."""
        part, head = self._part, self._head
        if part is None or head is None:
            raise OSError("the chain isn't open")
        self.whole = False
        part.write(line)
        head.write(link)
        part.size += len(line)
        self.link = link
        self.whole = True

    def mend(self) -> None:
        """Make the chain ready: open it, cut off what a failed write left, or go on in a new part."""
        part = self._part
        if part is None or self._replace or part.size >= self._max_bytes or not part.present(exact=False):
            self._open_part()
        else:
            part.restore()
        if self._head is not None:
            self._head.write(self.link)
        self.whole, self._replace = True, False

    def undo(self) -> None:
        """Cut off what a failed write left, if that works now; ``mend`` will try again."""
        self.whole = False
        if self._part is not None and not self._replace:
            with suppress(OSError):
                self._part.restore()

    def replace(self) -> None:
        """Trust the current part no more and leave it as it is: ``mend`` goes on in a new one."""
        self.whole, self._replace = False, True

    def untouched(self) -> bool:
        """Whether part and head are still where and what we left them."""
        if self._part is None or self._head is None or not self.whole:
            return True
        return self._part.present(exact=True) and self._head.present()

    def free_bytes(self) -> int:
        """What the file system would still let us write; 0 before the chain is open."""
        return 0 if self._part is None else self._part.free_bytes()

    def unsynced(self) -> Unsynced:
        """Hand over what the disk may not have yet. The current files stay open at least until the next such call."""
        retired, self._retired = tuple(self._retired), []
        named, self._named = self._named, False
        current = tuple(file for file in (self._part, self._head) if file is not None)
        return Unsynced(retired, current, (self._folder, self._heads_folder) if named else ())

    def close(self) -> None:
        """Wait for the disk, seal the chain as complete and let go of its files."""
        part, head, whole, self.whole = self._part, self._head, self.whole, False
        self._part = self._head = None
        if part is None or head is None:
            return
        retired, self._retired = tuple(self._retired), []
        try:
            if not whole:
                part.restore()
            Unsynced(retired, (part,), (self._folder, self._heads_folder)).sync()
            head.write(self.link, closed=True)
            head.sync()
        finally:
            with suppress(OSError):
                part.close()
                head.close()

    def _open_part(self) -> None:
        """Start the first or the next file. The head comes first: a part without one would look like a forgery."""
        if self._part is None:
            private_folder(self._folder)
            private_folder(self._heads_folder)
        if self._head is None or not self._head.present():
            before, self._head = self._head, HeadFile(self._heads_folder, str(self.name), self._key)
            if before is not None:
                self._retired.append(before)  # a checkpoint may be waiting on it
        self._head.write(self.link)
        part = Part(self._folder / self.name.part(self._number + 1))
        if self._part is not None:
            self._retired.append(self._part)
        self._part = part
        self._number += 1
        self._named = True
