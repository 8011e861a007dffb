"""What agents were registered as when that was last looked at, kept across restarts.

Must not know: missions, what a change means for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from exeat.config.settings import Settings
from exeat.files import write_private

Registrations = Mapping[str, Mapping[str, Any]]
"""By ``environment/name``: groups, and all that proves the agent."""
GONE = "gone"


def registrations_in(settings: Settings) -> Registrations:
    """All agents, each in one spelling: the order of a list says nothing."""
    return {
        f"{table.environment}/{table.name}": {
            "trust_domain": settings.identity.trust_domain,
            "groups": sorted(table.groups),
            "spiffe": sorted(table.spiffe),
            "addresses": sorted(table.addresses),
            "jwt": sorted((each.model_dump() for each in table.jwt), key=orjson.dumps),
        }
        for table in settings.agent
    }


def changed(before: Registrations, after: Registrations) -> Mapping[str, tuple[str, ...]]:
    """Agents that aren't what they were, with what is different; one that is new was nothing before."""
    found: dict[str, tuple[str, ...]] = {}
    for key, was in before.items():
        now = after.get(key)
        if now is None:
            found[key] = (GONE,)
        elif different := tuple(name for name, value in was.items() if now.get(name) != value):
            found[key] = different
    return found


def last_seen(file: Path) -> Registrations | None:
    """What was written down, or None when nothing was; raise ValueError when it can't be read."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    found: Registrations = orjson.loads(content)
    return found


def write_down(file: Path, agents: Registrations) -> None:
    """Remember them."""
    write_private(file, orjson.dumps(agents, option=orjson.OPT_INDENT_2))
