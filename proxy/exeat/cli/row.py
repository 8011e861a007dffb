"""One line of ``exeat doctor``.

Must not know: any check.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One check's result: ``ok``, ``warn``, ``fail`` or ``skip``; ``fix`` is a command or an act."""

    name: str
    state: str
    detail: str
    fix: str = ""
