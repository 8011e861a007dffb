"""The files ``exeat init`` writes, as texts.

The starter grant is the very policy that Exeat uses when no folder is configured. Must not know: where they go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from typing import Final

_FIRST_EXPIRY: Final = timedelta(days=90)
"""A first destination is a trial: long enough to learn, short enough not to be forgotten."""

IGNORED: Final = ("state/", "audit/", "exeat.db*", "admin.token", ".env")
"""What must never reach a repository: keys, tokens, records, stores, the shared credentials themselves."""


def starter_files(today: date) -> Mapping[str, str]:
    """Path within the folder → text."""
    template = files("exeat.cli") / "template"
    configuration = (template / "exeat.toml").read_text("utf-8")
    return {
        "exeat.toml": configuration.replace("{expires}", (today + _FIRST_EXPIRY).isoformat()),
        "policies/grant.cedar": (files("exeat.policy") / "builtin" / "grant.cedar").read_text("utf-8"),
        "policies/sensitive.cedar": (template / "sensitive.cedar").read_text("utf-8"),
    }


def with_ignored(current: str) -> str:
    """A ``.gitignore`` text with our lines added where they are missing."""
    present = {line.strip() for line in current.splitlines()}
    missing = [line for line in IGNORED if line not in present and f"/{line}" not in present]
    if not missing:
        return current
    start = current + ("\n" if current and not current.endswith("\n") else "") + ("\n" if current else "")
    return start + "# Exeat: keys, tokens and records stay here\n" + "".join(f"{line}\n" for line in missing)
