"""A draft over a service file that exists: what people wrote stands, what the description changed is said.

An operation is the same when method and path agree, whatever its captures are called. Must not know: files, terminals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from exeat.services.openapi.draft import Draft, Key, Row, key_of
from exeat.services.openapi.guess import Guess, adopt, learn_resources
from exeat.services.templates import parse_match

Kind = Literal["added", "gone", "removed", "differs", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a diff. ``differs``: the file keeps ``old`` where the description says ``new``."""

    kind: Kind
    match: str
    field: str = ""
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "added":
                return f"+ {self.match}  {self.new}"
            case "removed":
                return f"- {self.match}  {self.old}"
            case "gone":
                return f"? {self.match}  {self.old} is not in the description; kept"
        name = self.field.upper() if self.field == "group" else self.field
        if self.kind == "changed":
            return f"~ {self.match}  {name} {self.old or '-'} -> {self.new or '-'}"
        return f"= {self.match}  {name} {self.old or '-'} kept; the import says {self.new or '-'}"


@dataclass(frozen=True, slots=True)
class Merged:
    """The operations to write, in order, and how they differ from before."""

    rows: tuple[Row, ...]
    changes: tuple[Change, ...]


def merge(drafted: Draft, existing: Sequence[Row], *, prune: bool = False, fresh: bool = False) -> Merged:
    """Lay a draft over the operations of a file.

    ``prune`` drops operations that the description doesn't have; ``fresh`` lets the description win over the file.
    """
    before = _by_key(existing)
    learnt = learn_resources([(str(row.get("resource", "")), parse_match(_template(row))[0]) for row in existing])
    rows: list[Row] = []
    changes: list[Change] = []
    done: set[int] = set()
    for key, new in drafted.rows.items():
        old = before.get(key)
        if old is None and not existing:
            rows.append(new)
            continue
        if old is None:
            row = _adopted(new, learnt)
            rows.append(row)
            resource = f" on {row['resource']}" if row.get("resource") else ""
            changes.append(Change("added", row["match"], new=f"{row['action']}, {row['group'].upper()}{resource}"))
            continue
        if id(old) in done:
            continue
        done.add(id(old))
        row, differing = _lay(new, old, fresh=fresh)
        rows.append(row)
        changes += differing
    for old in existing:
        if id(old) in done:
            continue
        changes.append(Change("removed" if prune else "gone", old["match"], old=old["action"]))
        if not prune:
            rows.append(old)
    return Merged(tuple(rows), tuple(changes))


def _by_key(existing: Sequence[Row]) -> Mapping[Key, Row]:
    """Every operation of the file, under each of its methods; those that lie in the body share one."""
    found: dict[Key, Row] = {}
    for row in existing:
        methods, _, template = str(row["match"]).partition(" ")
        for method in methods.split(","):
            found.setdefault(key_of(method, template), row)
    return found


def _template(row: Row) -> str:
    return str(row["match"]).partition(" ")[2]


def _adopted(new: Row, learnt: Mapping[tuple[str, ...], Guess]) -> Row:
    """An added operation in the words of the file: captures and resource as its neighbours have them, never a guess."""
    method, _, template = str(new["match"]).partition(" ")
    template, resource = adopt(template, parse_match(template)[0], learnt)
    row = {key: each for key, each in new.items() if key != "resource"} | {"match": f"{method} {template}"}
    return row | ({"resource": resource} if resource else {})


def _lay(new: Row, old: Row, *, fresh: bool) -> tuple[Row, list[Change]]:
    """One operation that both have: the file's words stand unless ``fresh``; its match, resource and the rest always do."""
    row: dict[str, Any] = {"#": new.get("#", "")} | old
    changes = []
    for field in ("group", "action"):
        was, says = str(old.get(field, "")), str(new.get(field, ""))
        if was == says:
            continue
        if fresh:
            row[field] = says
        changes.append(Change("changed" if fresh else "differs", old["match"], field, was, says))
    return row, changes
