"""Findings about services named (``service.example.operation[2].match``), given back their place in the file.

The catalogue checks merged tables and knows no file; whoever loaded the file knows where each table stands. Must not
know: what was found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exeat.config.fields import name
from exeat.config.positions import Path as KeyPath
from exeat.config.positions import positions
from exeat.errors import Finding

_STEP = re.compile(r"([A-Za-z0-9_-]+)|\[(\d+)\]")


def locate(findings: Sequence[Finding], file: Path, services: Sequence[str]) -> tuple[Finding, ...]:
    """Findings without a file get the configuration's, and the line of the table they name where there is one."""
    if all(finding.file for finding in findings):
        return tuple(findings)
    try:
        found = positions(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        found = positions("")
    located = []
    for finding in findings:
        if finding.file:
            located.append(finding)
            continue
        path = _path(finding.field, services)
        line, column = found.find(path)
        located.append(replace(finding, file=str(file), line=line, column=column, field=name(path) or finding.field))
    return tuple(located)


def _path(field: str, services: Sequence[str]) -> KeyPath:
    """The path of a field that names a service; of several tables of one name, the last."""
    for service in sorted(services, key=len, reverse=True):
        rest = field.removeprefix(f"service.{service}")
        if rest != field and (not rest or rest[0] in ".["):
            index = len(services) - 1 - list(reversed(services)).index(service)
            steps = (int(number) if number else word for word, number in _STEP.findall(rest))
            return ("service", index, *steps)
    return ()
