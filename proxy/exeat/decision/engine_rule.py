"""One policy as the engine holds it, and its scope taken apart.

A scope that isn't understood completely is refused: Cedar's JSON form ignores unknown keys, and a policy filed under the
wrong scope would silently be left out of a slice. Must not know: sessions, files, validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exeat.decision.engine_expressions import UnknownSyntaxError
from exeat.model.reason import Reason

Uid = tuple[str, str]
"""A Cedar entity as ``(type, id)``."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One part of a scope: everything (no field set), one of ``uids`` exactly, anything in one of ``within``, of ``type``."""

    uids: frozenset[Uid] | None = None
    within: frozenset[Uid] | None = None
    type: str | None = None

    def matches(self, uid: Uid, ancestors: frozenset[Uid]) -> bool:
        """Whether Cedar would find this part true for an entity with these ancestors."""
        if self.type is not None and uid[0] != self.type:
            return False
        if self.uids is not None and uid not in self.uids:
            return False
        return self.within is None or uid in self.within or not self.within.isdisjoint(ancestors)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a policy can apply."""

    principal: Constraint
    action: Constraint
    resource: Constraint


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy: ``label`` is what records show (``file:line id``), ``policy`` its Cedar JSON as the engine itself wrote it."""

    label: str
    policy: Mapping[str, Any]
    reason: Reason = Reason.POLICY_DENIED
    advice: str = ""
    approver: str = ""
    scope: Scope = field(init=False)
    forbids: bool = field(init=False)

    def __post_init__(self) -> None:
        """Take the scope apart; raise UnknownSyntaxError when any of it isn't understood."""
        object.__setattr__(self, "scope", read_scope(self.policy))
        object.__setattr__(self, "forbids", self.policy["effect"] == "forbid")


_PARTS = frozenset({"effect", "principal", "action", "resource", "conditions"})


def read_scope(policy: Mapping[str, Any]) -> Scope:
    """Take a policy's scope apart; raise UnknownSyntaxError for anything but the forms Cedar 4 has."""
    if set(policy) - {"annotations"} != _PARTS or policy["effect"] not in ("permit", "forbid"):
        raise UnknownSyntaxError(f"a policy with the keys {sorted(policy)}")
    return Scope(*(_constraint(policy[part], part) for part in ("principal", "action", "resource")))


def _constraint(form: Mapping[str, Any], part: str) -> Constraint:
    match (form.get("op"), frozenset(form) - {"op"}):
        case ("All", keys) if not keys:
            return Constraint()
        case ("==", keys) if keys == {"entity"}:
            return Constraint(uids=frozenset({_uid(form["entity"])}))
        case ("in", keys) if keys == {"entity"}:
            return Constraint(within=frozenset({_uid(form["entity"])}))
        case ("in", keys) if keys == {"entities"} and part == "action":
            return Constraint(within=frozenset(map(_uid, form["entities"])))
        case ("is", keys) if keys == {"entity_type"} and part != "action":
            return Constraint(type=_text(form["entity_type"]))
        case ("is", keys) if keys == {"entity_type", "in"} and part != "action" and set(form["in"]) == {"entity"}:
            return Constraint(type=_text(form["entity_type"]), within=frozenset({_uid(form["in"]["entity"])}))
    raise UnknownSyntaxError(f"the {part} part of a scope with the keys {sorted(form)}")


def _uid(entity: Mapping[str, Any]) -> Uid:
    if set(entity) != {"type", "id"}:
        raise UnknownSyntaxError(f"an entity with the keys {sorted(entity)}")
    return (_text(entity["type"]), _text(entity["id"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnknownSyntaxError(f"a name of type {type(value).__name__}")
    return value
