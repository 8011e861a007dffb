"""A site's description laid over a built-in one, field by field.

A field that the site gives replaces the built-in one's, except for ``operation`` and ``resource``: each of their tables is about the
one there with its key (an operation's ``match`` and ``select``, or without ``match`` all those of its ``action``; a resource's ``type``).
What it gives replaces that one's fields and the rest stands; ``remove = true`` takes it away; without one there it is new. ``match = "*"`` means
all. ``credential`` without ``in`` changes the built-in place instead of replacing it. Must not know: where either was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exeat.config.tables.service import EVERY, OperationTable, ResourceTable, ServiceTable
from exeat.errors import Finding


@dataclass(frozen=True, slots=True)
class Laid:
    """The table that holds, for each of its operations the place in the site's file (-1: not there), and what fits nothing."""

    table: ServiceTable
    origins: tuple[int, ...]
    findings: tuple[Finding, ...] = ()


def lay_over(base: ServiceTable, given: ServiceTable, at: str) -> Laid:
    """Return ``given`` over ``base``; ``at`` is the field of the service in findings."""
    fields = {name: getattr(given, name) for name in given.model_fields_set}
    findings: list[Finding] = []
    origins = (-1,) * len(base.operation)
    if "operation" in fields:
        pairs = _operations(base.operation, given.operation, f"{at}.operation", findings)
        fields["operation"] = tuple(each for each, _ in pairs)
        origins = tuple(origin for _, origin in pairs)
    if "resource" in fields:
        fields["resource"] = _resources(base.resource, given.resource, f"{at}.resource", findings)
    place = given.credential
    if place is not None and base.credential is not None and "in_" not in place.model_fields_set:
        fields["credential"] = base.credential.model_copy(
            update={name: getattr(place, name) for name in place.model_fields_set}
        )
    if {"operation", "resource"} & fields.keys():
        fields.setdefault("example", ())  # the built-in ones speak of what was there
        fields.setdefault("lint", {})
    return Laid(base.model_copy(update=fields), origins, tuple(findings))


def _operations(
    base: Sequence[OperationTable], given: Sequence[OperationTable], at: str, findings: list[Finding]
) -> list[tuple[OperationTable, int]]:
    found = [(each, -1) for each in base]
    for number, each in enumerate(given):
        hits = [index for index, (there, _) in enumerate(found) if _about(each, there)]
        if each.remove:
            if not hits:
                findings.append(Finding("", "there is no such operation", field=f"{at}[{number}]", fix="leave it out"))
            found = [pair for index, pair in enumerate(found) if index not in hits]
        elif hits:
            changed = {name: getattr(each, name) for name in each.model_fields_set}
            for index in hits:
                found[index] = (found[index][0].model_copy(update=changed), number)
        else:
            found.append((each, number))
    return found


def _about(change: OperationTable, there: OperationTable) -> bool:
    if change.match == EVERY:
        return change.remove
    if not change.match:
        return change.action == there.action
    selects = change.select == there.select or (change.remove and not change.select)
    return _match(change) == _match(there) and selects


def _match(each: OperationTable) -> tuple[frozenset[str], str]:
    methods, _, template = each.match.partition(" ")
    return frozenset(methods.split(",")), template


def _resources(
    base: Sequence[ResourceTable], given: Sequence[ResourceTable], at: str, findings: list[Finding]
) -> tuple[ResourceTable, ...]:
    found = {each.type: each for each in base}
    for number, each in enumerate(given):
        there = found.get(each.type)
        if each.remove:
            if found.pop(each.type, None) is None:
                findings.append(Finding("", "there is no such resource", field=f"{at}[{number}]", fix="leave it out"))
        elif there is None:
            found[each.type] = each
        else:
            found[each.type] = there.model_copy(update={name: getattr(each, name) for name in each.model_fields_set})
    return tuple(found.values())
