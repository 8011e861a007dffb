"""Services that stand in files of their own: ``file = "services/acme.toml"`` in a ``[[service]]`` table.

What the table itself says wins over the file, key by key. Must not know: what a service is, where a finding is shown.
"""

from __future__ import annotations

import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Any

from exeat.errors import Finding

_LARGEST = 16 * 1024 * 1024
"""Bytes; ten times the largest description known."""


def include(values: dict[str, Any], base: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Return the values with every service's file laid under its table, and what was wrong with the files.

    Relative paths start at ``base``, the configuration's folder.
    """
    services = values.get("service")
    if not isinstance(services, list) or not any(
        isinstance(each, dict) and each.keys() & {"file", "descriptor"} for each in services
    ):
        return values, []
    findings: list[Finding] = []
    return values | {
        "service": [_described(_included(each, base, findings), base, findings) for each in services]
    }, findings


def _described(table: Any, base: Path, findings: list[Finding]) -> Any:
    """A table with what stands in the descriptor it names."""
    if not isinstance(table, dict) or not isinstance(table.get("descriptor"), str):
        return table
    path = base / table["descriptor"]
    try:
        if path.stat().st_size > _LARGEST:
            raise OSError(None, "is too large for a descriptor")
        return table | {"descriptor_set": b64encode(path.read_bytes()).decode("ascii")}
    except OSError as error:
        findings.append(Finding(str(path), f"can't be read: {error.strerror}", fix="check the service's descriptor"))
    return table


def _included(table: Any, base: Path, findings: list[Finding]) -> Any:
    if not isinstance(table, dict) or not isinstance(table.get("file"), str):
        return table
    path = base / table["file"]
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("is too large for a service file")
        under = tomllib.loads(path.read_bytes().decode("utf-8"))
        if "file" in under:
            raise ValueError("names another file")
    except OSError as error:
        findings.append(Finding(str(path), f"can't be read: {error.strerror}", fix="check the service's file"))
    except UnicodeDecodeError:
        findings.append(Finding(str(path), "isn't UTF-8 text", fix="save it as UTF-8"))
    except ValueError as error:  # TOMLDecodeError too
        findings.append(Finding(str(path), f"isn't a service file: {error}"))
    else:
        return under | table
    return table
