"""Sessions, resources and contexts as Cedar's JSON, complete and checked.

A record that lacks a parent, or an id in another spelling, makes a forbid silently not apply; so ancestors are flattened
onto one record, from one object that the slicer shares, and ids are checked rather than mended. Must not know: policies.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from exeat.decision.engine_rule import Uid
from exeat.decision.verdict import Context
from exeat.model.decision import CredentialState
from exeat.model.identity import Session
from exeat.model.issuing import Grade
from exeat.model.mission import Mission
from exeat.model.service import EntityUid, Resource, Sensitivity

SESSION, SERVICE, HOST = "Exeat::Session", "Exeat::Service", "Exeat::Host"
LONGEST_ID = 1024
"""Characters in a resource id; Cedar itself takes any, and 1,024 is the longest object key S3 has."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _ref(uid: Uid) -> dict[str, str]:
    return {"type": uid[0], "id": uid[1]}


@dataclass(frozen=True, slots=True)
class ActionType:
    """A leaf action: its transitive groups, its one resource type, the types of all parents such a resource must name.

    ``service`` is the id every resource's ``Exeat::Service`` has to have; empty for plain hosts. ``record`` is the
    action's entity, without which a forbid on a group would not apply.
    """

    id: str
    groups: frozenset[str]
    resource_type: str
    parent_types: frozenset[str] = frozenset()
    service: str = ""
    record: str = field(init=False)

    def __post_init__(self) -> None:
        record = {"uid": _ref(self.uid), "attrs": {}, "parents": [_ref(uid) for uid in sorted(self.group_uids)]}
        object.__setattr__(self, "record", _json(record))

    @property
    def uid(self) -> Uid:
        """The action as an entity."""
        return ("Action", self.id)

    @property
    def group_uids(self) -> frozenset[Uid]:
        """Its groups as entities."""
        return frozenset(("Action", group) for group in self.groups)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The principal: every ancestor is a direct parent, every attribute a policy may read is here."""

    uid: Uid
    parents: frozenset[Uid]
    operations: frozenset[str]
    read_only: bool
    owned: bool
    tags: Mapping[str, str]

    @property
    def json(self) -> str:
        """The record as an entity."""
        return _json(
            {
                "uid": _ref(self.uid),
                "attrs": {
                    "operations": [{"__entity": _ref(("Action", id_))} for id_ in sorted(self.operations)],
                    "owned": self.owned,
                    "readOnly": self.read_only,
                },
                "parents": [_ref(uid) for uid in sorted(self.parents)],
                "tags": dict(self.tags),
            }
        )


def session_record(
    session: Session, mission: Mission, operations: frozenset[str], lineage: Sequence[str] = ()
) -> SessionRecord:
    """The record of one agent in one mission, which lies in the missions above it too; raise ValueError when the two don't belong together."""
    agent = session.agent
    if session.mission != mission.id or agent.name not in mission.agents or agent.environment != mission.environment:
        raise ValueError(f"the session {session.key!r} is not one of the mission {mission.id!r}")
    if not isinstance(mission.read_only, bool):  # never truthiness: the text "false" would be true
        raise ValueError("the mission's read_only is not a boolean")  # noqa: TRY004 a refused record, as above
    parents = {
        *(("Exeat::Mission", each) for each in (mission.id, *lineage)),
        ("Exeat::Agent", agent.name),
        ("Exeat::Environment", mission.environment),
        *(("Exeat::Group", group) for group in agent.groups),
    }
    if mission.template:
        parents.add(("Exeat::MissionTemplate", mission.template))
    for uid in parents:
        check_id(uid[1])
    owned = mission.owner.strip() != ""
    return SessionRecord(
        (SESSION, session.key), frozenset(parents), operations, mission.read_only, owned, mission.labels
    )


def check_id(text: str) -> None:
    """Raise ValueError unless an id is written in the one way that policies can name it."""
    if not 0 < len(text) <= LONGEST_ID:
        raise ValueError(f"an id of {len(text)} characters")
    if text.isascii():
        if text.isprintable() and text[0] != " " and text[-1] != " ":
            return
    elif not _CONTROL.search(text) and text == text.strip() and unicodedata.is_normalized("NFC", text):
        return
    raise ValueError(f"the id {text!r} holds a control character, outer space or unnormalised text")


def resource_record(resource: Resource, action: ActionType, folded: frozenset[str]) -> str:
    """The resource as an entity; raise ValueError unless it is what the action applies to, with every parent.

    ``folded`` are the types whose ids are compared without case and therefore written in lower case.
    """
    uid = resource.uid
    if uid.type != action.resource_type:
        raise ValueError(f"{action.id} applies to {action.resource_type}, not to {uid.type}")
    if type(resource.environment) is not str or type(resource.sensitivity) is not Sensitivity:
        raise ValueError("a resource attribute of the wrong type")
    types = [parent.type for parent in resource.parents]
    if len(types) != len(action.parent_types) or set(types) != action.parent_types:
        raise ValueError(f"{uid.type} needs one parent of each of {sorted(action.parent_types)}, not {types}")
    for one in (uid, *resource.parents):
        _check_uid(one, action.service, folded)
    return _json(
        {
            "uid": {"type": uid.type, "id": uid.id},
            "attrs": {
                "environment": {"__entity": {"type": "Exeat::Environment", "id": resource.environment}},
                "sensitivity": {"__entity": {"type": "Exeat::Sensitivity", "id": resource.sensitivity.value}},
            },
            "parents": [{"type": parent.type, "id": parent.id} for parent in resource.parents],
        }
    )


def _check_uid(uid: EntityUid, service: str, folded: frozenset[str]) -> None:
    check_id(uid.id)
    if uid.type in folded and uid.id != uid.id.lower():
        raise ValueError(f"the id of {uid} is not in lower case")
    if uid.type == SERVICE and uid.id != service:
        raise ValueError(f"{uid} is not the service of the action, {service!r}")


def context_json(context: Context) -> str:
    """The context for the engine, from typed values only; raise ValueError for a field of another type."""
    exact = (
        type(context.credential) is CredentialState
        and type(context.grade) is Grade
        and type(context.approvals) is frozenset
        and all(type(approver) is str for approver in context.approvals)
        and type(context.method) is str
        and type(context.host) is str
    )
    if not exact:
        raise ValueError("a context attribute of the wrong type")
    return _json(
        {
            "credential": {"__entity": {"type": "Exeat::Credential", "id": context.credential.value}},
            "grade": {"__entity": {"type": "Exeat::Grade", "id": context.grade.value}},
            "approvals": [{"__entity": {"type": "Exeat::Approver", "id": id_}} for id_ in sorted(context.approvals)],
            "method": context.method,
            "host": context.host,
        }
    )
