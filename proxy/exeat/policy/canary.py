"""Questions whose answer is known, put through the real engine before a bundle is used.

They notice what validation can't: an engine, a schema or an adapter that has stopped refusing. Must not know: files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from cedarpy import policies_to_json_str

from exeat.decision.engine import Engine, EngineSchema
from exeat.decision.engine_rule import Rule
from exeat.decision.entities import HOST, SERVICE, ActionType
from exeat.decision.verdict import Allowed, Context, Denied, Failed, Held, Verdict
from exeat.model.decision import CredentialState
from exeat.model.identity import Agent, Session
from exeat.model.issuing import Grade
from exeat.model.mission import Mission
from exeat.model.service import EntityUid, Resource, Sensitivity
from exeat.policy.source import quote

_CONTEXT = Context(CredentialState.NONE, Grade.NONE, frozenset(), "POST", "canary.example")
_MISSION = Mission("canary", "any", ("canary",), (), (), 0.0, 0.0)
_SESSION = Session("canary", Agent("canary", "any", "canary.example"))
_WRITE = "http:write"


def _rule(label: str, text: str) -> Rule:
    policy: Mapping[str, Any] = orjson.loads(policies_to_json_str(text))["staticPolicies"]["policy0"]
    return Rule(label, policy)


def _permit_all() -> Rule:
    return _rule("canary permit", "permit (principal, action, resource);")


def failures(bundle: Engine, base: Sequence[tuple[str, Rule]], schema: EngineSchema) -> Iterator[str]:
    """What the engine gets wrong; ``base`` are the built-in forbids in use, by their ``@id``."""
    nothing = Engine([], schema)
    if not isinstance(_ask(nothing, schema.actions[_WRITE]), Denied):
        yield "no policy at all does not deny"
    if isinstance(answer := _ask(bundle, schema.actions[_WRITE]), Failed):
        yield f"the bundle can't judge: {answer.detail}"
    yield from _groups(schema)
    for id_, rule in base:
        yield from _base(id_, rule, schema)


def _groups(schema: EngineSchema) -> Iterator[str]:
    """A forbid on any group has to stop an action of that group."""
    groups = sorted({group for action in schema.actions.values() for group in action.groups})
    forbids = [_rule(group, f"forbid (principal, action in Action::{quote(group)}, resource);") for group in groups]
    engine = Engine([_permit_all(), *forbids], schema)
    seen: set[str] = set()
    for action in schema.actions.values():
        if action.groups <= seen:
            continue
        seen |= action.groups
        answer = _ask(engine, action)
        if not isinstance(answer, Denied) or set(answer.policies) != action.groups:
            yield f"a forbid on a group of {action.id} does not stop it: {answer}"


def _base(id_: str, rule: Rule, schema: EngineSchema) -> Iterator[str]:
    """A built-in forbid has to stop its own example, and to let pass what it is not about."""
    engine = Engine([_permit_all(), rule], schema)
    action, elsewhere = schema.actions[_WRITE], _other_environment(schema)
    if elsewhere is None:
        return  # without agents there is nobody to separate, and nothing to stop
    examples: Mapping[str, Verdict] = {
        "environment-separation": _ask(engine, action, environment=elsewhere),
        "read-only-mission": _ask(engine, action, mission=replace(_MISSION, read_only=True)),
        "foreign-credential": _ask(engine, action, context=replace(_CONTEXT, credential=CredentialState.FOREIGN)),
        "retired-credential": _ask(engine, action, context=replace(_CONTEXT, credential=CredentialState.RETIRED)),
        "critical-needs-grade-a-or-approval": _ask(engine, action, sensitivity=Sensitivity.CRITICAL),
        "critical-needs-owner": _ask(engine, action, sensitivity=Sensitivity.CRITICAL),
    }
    example = examples.get(id_)
    if not isinstance(example, Denied | Held) or example.policies != (rule.label,):
        yield f"{id_} does not deny its own example: {example}"
    if not isinstance(harmless := _ask(engine, action), Allowed):
        yield f"{id_} stops what it is not about: {harmless}"


def _other_environment(schema: EngineSchema) -> str | None:
    # The schema lists "any", where the canary itself lives, and one more for each that agents live in.
    listed = schema.text.partition("entity Environment enum [")[2].partition("]")[0]
    names: Sequence[str] = orjson.loads(f"[{listed}]")
    return next((name for name in names if name != "any"), None)


def _ask(
    engine: Engine,
    action: ActionType,
    *,
    environment: str = "any",
    mission: Mission = _MISSION,
    context: Context = _CONTEXT,
    sensitivity: Sensitivity = Sensitivity.NORMAL,
) -> Verdict:
    types = sorted(action.parent_types)
    parents = tuple(EntityUid(type_, action.service if type_ == SERVICE else "canary") for type_ in types)
    name = (
        action.service
        if action.resource_type == SERVICE
        else "canary.example"
        if action.resource_type == HOST
        else "canary"
    )
    resource = Resource(EntityUid(action.resource_type, name), parents, environment, sensitivity)
    return engine.judge(engine.open(_SESSION, mission, frozenset({action.id})), action.id, resource, context)
