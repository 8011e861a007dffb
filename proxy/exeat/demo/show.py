"""How the demo speaks: numbered steps with ✓ or ✗, facts below them, colour only on a terminal.

Must not know: what it shows.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exeat.demo.reports import StageError


class Show:
    """Prints to stdout; ``ok`` is False once any claim has failed."""

    def __init__(self) -> None:
        self._plain = "utf" not in (sys.stdout.encoding or "").lower()
        if self._plain and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        self._console = Console(highlight=False)
        self._number = 0
        self.ok = True

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)

    def title(self, text: str, below: str) -> None:
        """Print the head of the whole."""
        self._console.print()
        self._console.print(Text(text, style="bold"))
        self._print(Text(below, style="dim"))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Number a step; a StageError, an OSError or a missing fact inside it is a failed claim, and the show goes on."""
        self._number += 1
        self._console.print()
        self._print(Text(f"{self._number}. {title}", style="bold"))
        try:
            yield
        except (StageError, OSError, KeyError, ValueError, IndexError) as error:
            self.claim(False, f"{type(error).__name__}: {error}")

    def claim(self, held: bool, text: str) -> None:
        """Say something and whether it really happened."""
        self.ok = self.ok and held
        sign = ("ok " if held else "NOT") if self._plain else ("✓" if held else "✗")
        self._print(Text("   ").append(sign, "green" if held else "bold red").append(f" {text}"))

    def note(self, text: str) -> None:
        """Say something that needs no proof."""
        for line in text.splitlines():
            self._print(Text(f"     {line}", style="dim"))

    def side_by_side(self, left: tuple[str, Iterable[str]], right: tuple[str, Iterable[str]]) -> None:
        """Print two columns of lines."""
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="cyan")
        for heading, _ in (left, right):
            table.add_column(heading, overflow="fold")
        lines, others = list(left[1]), list(right[1])
        for n in range(max(len(lines), len(others))):
            row = (column[n] if n < len(column) else "" for column in (lines, others))
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(Padding(table, (0, 0, 0, 5)))

    def result(self, seconds: float) -> None:
        """Print the end."""
        self._console.print()
        verdict = Text("All of it happened", "bold green") if self.ok else Text("Not all of it happened", "bold red")
        self._console.print(verdict.append(f" in {seconds:.1f} s.", "default"))
