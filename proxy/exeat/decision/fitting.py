"""Whether a session's record fits the policy schema, each distinct part of it checked once.

Checking a record takes as long as it has operations (15 ms for all of GitHub's), and thousands of sessions have the same
ones. What can be wrong in a record is wrong in each part alone: its operations; its environment, groups and template;
its flags and labels. Only the ids of mission and agent are left out of what is remembered: the schema takes any. Must not
know: policies, verdicts.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import replace
from typing import final

from cedarpy import Entities, Schema

from exeat.decision.entities import SessionRecord

_REMEMBERED = 4096
"""Parts remembered; a set of operations is shared with the sessions that have it."""
_ANY_ID = frozenset({"Exeat::Mission", "Exeat::Agent"})
"""Types of which the core schema takes every id; a site's own file can't declare them again."""


@final
class Fitting:
    """Remembers what fitted."""

    def __init__(self, schema: Schema, actions: Collection[str]) -> None:
        self._schema = schema
        self._actions = actions
        self._fitted: dict[Hashable, None] = {}

    def check(self, record: SessionRecord) -> None:
        """Raise ValueError or TypeError unless the record fits; checked ids are the caller's."""
        operations = record.operations
        if operations not in self._fitted:
            if unknown := operations.difference(self._actions):
                raise ValueError(f"unknown operations: {', '.join(sorted(unknown))}")
            self._fit(operations, replace(record, parents=frozenset(), read_only=False, tags={}))
        named = frozenset(uid for uid in record.parents if uid[0] not in _ANY_ID)
        rest = (named, record.read_only, record.owned, frozenset(record.tags.items()))
        if rest not in self._fitted:
            self._fit(rest, replace(record, operations=frozenset()))

    def _fit(self, part: Hashable, record: SessionRecord) -> None:
        Entities.from_json_str(f"[{record.json}]", self._schema)
        self._fitted[part] = None
        if len(self._fitted) > _REMEMBERED:
            del self._fitted[next(iter(self._fitted))]
