"""``exeat policy check``: everything there is to say about a folder, without using it.

Must not know: how findings are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exeat.errors import Finding
from exeat.model.service import Service
from exeat.policy.bundle import assemble
from exeat.policy.values import SchemaNames


def check(folder: Path | None, services: Sequence[Service], names: SchemaNames) -> tuple[Finding, ...]:
    """Every finding, errors first, then warnings. Never raises; no error means that the bundle would be used."""
    return assemble(folder, services, names)[1]
