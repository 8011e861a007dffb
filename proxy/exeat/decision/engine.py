"""The policy engine: asks Cedar one question and believes only a clean answer.

Cedar skips a policy that fails, forbids included, and lets a forbid on a group pass in silence when the action's record is
missing. So every record is present and checked, and anything but a clean Allow is a refusal. Must not know: files, clocks,
what is done with a verdict.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import orjson
from cedarpy import Decision, Entities, PolicySet, Schema, is_authorized

from exeat.decision.engine_expressions import context_reads
from exeat.decision.engine_rule import Rule
from exeat.decision.entities import ActionType, SessionRecord, context_json, resource_record, session_record
from exeat.decision.fitting import Fitting
from exeat.decision.memo import Memo, Projection
from exeat.decision.slicer import Slicer
from exeat.decision.verdict import Allowed, Context, Denied, Failed, Held, Verdict
from exeat.errors import Finding, PolicyError
from exeat.model.identity import Session
from exeat.model.mission import Mission
from exeat.model.reason import Reason
from exeat.model.service import Resource

_SLICES = 1024
"""Slices kept: sessions of one kind share theirs, so a bundle has tens of them; each is some 20 KiB."""


class _UncleanError(Exception):
    """Cedar gave no answer that can be believed."""


@dataclass(frozen=True, slots=True)
class EngineSchema:
    """A checked schema: ``full`` judges sessions and requests, ``types`` (no actions) a resource, at constant cost.

    ``folded`` are resource types whose ids are written in lower case.
    """

    text: str
    full: Schema
    types: Schema
    actions: Mapping[str, ActionType]
    folded: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Slice:
    policies: PolicySet
    projection: Projection


@final
class Principal:
    """One session, ready to be judged. Opaque but for ``operations``; belongs to the engine that opened it.

    Its record is built when it is first judged: most sessions of a large fleet never act in this worker.
    """

    __slots__ = ("ancestors", "engine", "entities", "memo", "operations", "record", "slices", "uid")

    def __init__(self, engine: Engine, record: SessionRecord) -> None:
        self.engine = engine
        self.uid = record.uid
        self.ancestors = record.parents
        self.record = record
        self.entities: Entities | None = None
        self.operations = record.operations
        self.memo = Memo()
        self.slices: dict[str, _Slice] = {}  # at most one an action of the schema

    def built(self) -> Entities:
        """The session's one record for Cedar, without the schema: with it, every action would be copied into it."""
        if self.entities is None:
            entities = Entities.from_json_str(f"[{self.record.json}]")
            if len(entities) != 1:
                raise _UncleanError("the session is more than one record")
            self.entities = entities
        return self.entities


@final
class Engine:
    """The policies of one bundle. Immutable but for bounded memos; one thread at a time."""

    def __init__(self, rules: Sequence[Rule], schema: EngineSchema) -> None:
        """Raise ValueError when two rules share a label."""
        self._rules = tuple(rules)
        self._schema = schema
        self._numbers = {rule.label: number for number, rule in enumerate(self._rules)}
        if len(self._numbers) != len(self._rules):
            raise ValueError("two policies have the same label")
        self._fitting = Fitting(schema.full, schema.actions.keys())
        self._slicer = Slicer(self._rules)
        self._slices: OrderedDict[tuple[int, ...], _Slice] = OrderedDict()
        digest = hashlib.sha256(schema.text.encode())
        for rule in self._rules:
            digest.update(orjson.dumps([rule.label, rule.policy], option=orjson.OPT_SORT_KEYS))
        self.version = digest.hexdigest()[:32]
        """A hash of schema and policies: equal versions judge alike."""

    def open(
        self, session: Session, mission: Mission, operations: frozenset[str], lineage: Sequence[str] = ()
    ) -> Principal:
        """Make a session ready to be judged; raise PolicyError when its record doesn't fit the schema.

        ``operations`` are leaf action ids, ``lineage`` the ids of the missions above a delegated one.
        """
        try:
            record = session_record(session, mission, operations, lineage)
            self._fitting.check(record)
        except (ValueError, TypeError) as error:
            message = f"the session {session.key!r} doesn't fit the policy schema: {error}"
            fix = "name only environments, groups, templates and operations that are configured"
            raise PolicyError([Finding(f"mission {mission.id}", message, fix=fix)]) from error
        return Principal(self, record)

    def judge(self, principal: Principal, action: str, resource: Resource, context: Context) -> Verdict:
        """Judge one request. Never raises: whatever goes wrong is Failed, to be refused as ``policy_error``."""
        try:
            if principal.engine is not self:
                return Failed("the session was opened with another policy bundle")
            slice_ = principal.slices.get(action)
            if slice_ is None:
                slice_ = principal.slices[action] = self._slice(principal, self._schema.actions[action])
            key = (action, resource, slice_.projection.values(context))
            known = principal.memo.get(key)
            if known is not None:
                return known
            verdict = self._judge(principal, slice_, self._schema.actions[action], resource, context)
            if isinstance(verdict, (Allowed, Denied)):
                principal.memo.put(key, verdict)
            return verdict
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 a panic in the native engine is no Exception; all of it is refused
            return Failed(f"{type(error).__name__}: {error}"[:2000])

    def _slice(self, principal: Principal, action: ActionType) -> _Slice:
        numbers = self._slicer.find(principal.uid, principal.ancestors, action.uid, action.group_uids)
        slice_ = self._slices.get(numbers)
        if slice_ is None:
            rules = [self._rules[number] for number in numbers]
            document = {
                "templates": {},
                "staticPolicies": {rule.label: rule.policy for rule in rules},
                "templateLinks": [],
            }
            policies = PolicySet.from_json_str(orjson.dumps(document).decode())
            if len(policies) != len(rules):
                raise _UncleanError("a policy was lost on the way into the engine")
            slice_ = _Slice(policies, Projection(context_reads(rule.policy for rule in rules)))
            self._slices[numbers] = slice_
            if len(self._slices) > _SLICES:
                self._slices.popitem(last=False)
        else:
            self._slices.move_to_end(numbers)
        return slice_

    def _judge(
        self, principal: Principal, slice_: _Slice, action: ActionType, resource: Resource, context: Context
    ) -> Verdict:
        """Build the records, ask, and where only approvals are missing ask once more with them given."""
        record = resource_record(resource, action, self._schema.folded)
        if len(Entities.from_json_str(f"[{record}]", self._schema.types)) != 1:
            raise _UncleanError("the resource is more than one record")
        entities = principal.built().with_added_json_str(f"[{record},{action.record}]")
        if len(entities) != 3:  # session, resource, action
            raise _UncleanError("session, resource and action are not three records")
        request: dict[str, object] = {
            "principal": {"type": principal.uid[0], "id": principal.uid[1]},
            "action": {"type": "Action", "id": action.id},
            "resource": {"type": resource.uid.type, "id": resource.uid.id},
            "context": context_json(slice_.projection.reduce(context)),
        }
        allowed, rules = self._ask(request, slice_, entities)
        labels = tuple(rule.label for rule in rules)
        if allowed:
            return Allowed(labels)
        approvers = tuple(sorted({rule.approver for rule in rules} - context.approvals))
        if rules and approvers and all(rule.approver for rule in rules):
            approved = replace(context, approvals=context.approvals | set(approvers))
            request["context"] = context_json(slice_.projection.reduce(approved))
            if self._ask(request, slice_, entities)[0]:
                return Held(approvers, labels, rules[0].advice)
        # Where approval would not help, its reason and advice would send the agent to ask in vain.
        plain = next((rule for rule in rules if not rule.approver), None)
        return Denied(plain.reason, labels, plain.advice) if plain else Denied(Reason.POLICY_DENIED, labels)

    def _ask(self, request: dict[str, object], slice_: _Slice, entities: Entities) -> tuple[bool, list[Rule]]:
        """Whether Cedar allows, and the determining rules in file order; raise unless the answer is clean."""
        result = is_authorized(request, slice_.policies, entities, self._schema.full)
        if errors := result.diagnostics.errors:
            raise _UncleanError("; ".join(errors))
        rules = [self._rules[number] for number in sorted(self._numbers[label] for label in result.diagnostics.reasons)]
        decision = result.decision
        if decision is Decision.Allow and rules and not any(rule.forbids for rule in rules):
            return True, rules
        if decision is Decision.Deny and all(rule.forbids for rule in rules):
            return False, rules
        raise _UncleanError(f"the engine answered {decision.name} for {[rule.label for rule in rules]}")
