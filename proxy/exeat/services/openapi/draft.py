"""A draft: what a description alone says about a service, as the rows of its file.

Must not know: what exists already, how a file is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exeat.services.openapi.document import Description, Endpoint
from exeat.services.openapi.guess import guess_resources, resource_of
from exeat.services.openapi.naming import action_of, group_of, template_of
from exeat.services.templates import Conditions, Part, PartKind, parse_match

Row = dict[str, Any]
"""One operation as in the file."""
Key = tuple[str, tuple[str, ...], Conditions]
"""What an operation matches, whatever its captures are called and however much the last one takes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The service as described; ``rows`` by what they match; ``notes`` is what couldn't be used."""

    hosts: tuple[str, ...]
    credential: Mapping[str, str] | None
    resources: tuple[Row, ...]
    rows: Mapping[Key, Row]
    notes: tuple[str, ...]


def key_of(method: str, template: str) -> Key:
    """What tells an operation of a file from another; raise ValueError for a bad template."""
    parts, conditions = parse_match(template)
    return method, tuple(_sign(part) for part in parts), conditions


def _sign(part: Part) -> str:
    return part.text if part.kind is PartKind.LITERAL else f"{part.prefix}{{}}{part.suffix}"


def draft(description: Description) -> Draft:
    """Name every endpoint; of two that match the same requests the first is kept."""
    notes = list(description.notes)
    chosen: dict[Key, tuple[Endpoint, str, tuple[Part, ...]]] = {}
    for endpoint in description.endpoints:
        try:
            template = template_of(endpoint)
            parts, _ = parse_match(template)
            key = key_of(endpoint.method, template)
        except ValueError as error:
            notes.append(f"{endpoint.method} {endpoint.path} isn't used: {error}")
            continue
        if key in chosen:
            notes.append(f"{endpoint.method} {endpoint.path} isn't used: it matches the same as {chosen[key][0].path}")
            continue
        chosen[key] = endpoint, template, parts
    guesses = guess_resources([parts for _, _, parts in chosen.values()])
    rows: dict[Key, Row] = {}
    meanings: dict[str, tuple[str, str]] = {}
    for key, (endpoint, template, parts) in chosen.items():
        group, resource = group_of(endpoint), resource_of(parts, guesses)
        action = _distinct(action_of(endpoint), endpoint.method, (str(group), resource), meanings)
        row = {"match": f"{endpoint.method} {template}", "action": action, "group": str(group)}
        rows[key] = row | ({"resource": resource} if resource else {}) | {"#": endpoint.summary}
    used = {row.get("resource") for row in rows.values()}
    types = {each.type: each.id for each in guesses.values() if each.type in used}
    resources = tuple({"type": name, "id": template} for name, template in types.items())
    return Draft(description.hosts, description.credential, resources, rows, tuple(notes))


def _distinct(action: str, method: str, meaning: tuple[str, str], meanings: dict[str, tuple[str, str]]) -> str:
    """The action, or a longer name where it means something else already."""
    for name in (action, f"{action[:120]}-{method.lower()}", *(f"{action[:120]}-{n}" for n in range(2, 100))):
        if meanings.setdefault(name, meaning) == meaning:
            return name
    return action
