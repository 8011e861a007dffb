"""The import as a whole: a description, a file that may exist, the file to write and what changed.

Must not know: command lines, where files lie.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from exeat.errors import ConfigurationError, Finding
from exeat.services.openapi.document import read_description
from exeat.services.openapi.draft import draft
from exeat.services.openapi.merge import Change, merge
from exeat.services.openapi.text import new_head, old_head, operations


@dataclass(frozen=True, slots=True)
class Imported:
    """A service file to write; ``count`` operations."""

    text: str
    count: int
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def import_description(
    data: bytes,
    name: str,
    *,
    existing: str | None = None,
    file: str = "",
    prune: bool = False,
    fresh: bool = False,
    summaries: bool = True,
) -> Imported:
    """Turn a description into a service file, laid over ``existing``; raise ConfigurationError when either can't be read."""
    description = read_description(data, file)
    drafted = draft(description)
    notes = list(drafted.notes)
    if existing is None:
        if not drafted.hosts:
            notes.append("the description names no host: write hosts = [...] into the file")
        merged = merge(drafted, ())
        head = new_head(name, drafted, description.title)
    else:
        try:
            values = tomllib.loads(existing)
            rows = values.pop("operation", [])
            merged = merge(drafted, rows, prune=prune, fresh=fresh)
            head = old_head(existing)
            if tomllib.loads(head) != values:
                fix = "move everything else in front of the first [[operation]]"
                raise ConfigurationError([Finding(file, "something stands behind the operations", fix=fix)])
        except (tomllib.TOMLDecodeError, ValueError, KeyError, TypeError, AttributeError):
            fix = "mend it first: exeat config check says what is wrong"
            raise ConfigurationError([Finding(file, "the existing service file can't be read", fix=fix)]) from None
    text = head + operations(merged.rows, summaries=summaries)
    return Imported(text, len(merged.rows), merged.changes, tuple(notes))
