"""Everything that makes Cedar say Allow although a forbid was meant to stop the request: each has to be refused.

Each test shows first that Cedar alone fails open once the guard is taken away, then that the engine doesn't.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import orjson
import pytest
from cedarpy import Decision, Entities, PolicySet, is_authorized
from engine_kit import CONTEXT, CREATE, PERMIT_ALL, SCHEMA, ask, engine, principal, repo, rules

from exeat.decision import engine as engine_module
from exeat.decision.entities import context_json, resource_record, session_record
from exeat.decision.verdict import Denied, Failed

REQUEST = {
    "principal": {"type": "Exeat::Session", "id": "m1/bot"},
    "action": {"type": "Action", "id": CREATE},
    "resource": {"type": "Forge::Repo", "id": "acme/site"},
    "context": context_json(CONTEXT),
}
ACTION = SCHEMA.actions[CREATE]
ACTION_ENTITY = orjson.loads(ACTION.record)


def session_entity():
    from engine_kit import mission, session

    return orjson.loads(session_record(session(), mission(), frozenset({CREATE})).json)


def resource_entity():
    return orjson.loads(resource_record(repo(), ACTION, SCHEMA.folded))


def raw(forbid: str, *entities: dict, schema: bool = True, **changes: object):
    """Cedar's own answer, with nothing checked beforehand: decision and number of errors."""
    document = {rule.label: rule.policy for rule in rules(PERMIT_ALL + forbid)}
    policies = PolicySet.from_json_str(
        orjson.dumps({"templates": {}, "staticPolicies": document, "templateLinks": []}).decode()
    )
    known = Entities.from_json_str(orjson.dumps(entities).decode())
    result = is_authorized(REQUEST | changes, policies, known, SCHEMA.full if schema else None)
    return result.decision, len(result.diagnostics.errors)


def forbid(body: str, scope: str = "principal, action, resource") -> str:
    return f'@id("no") forbid ({scope}) {body};'


WRITES = forbid("", 'principal, action in Action::"write", resource')
OF_BUILD = forbid("", 'principal in Exeat::Group::"build", action, resource')
AT_FORGE = forbid("", 'principal, action, resource in Exeat::Service::"forge"')
HIGH = forbid('when { resource.sensitivity == Exeat::Sensitivity::"high" }')
FOREIGN = forbid('when { context.credential == Exeat::Credential::"foreign" }')
READ_ONLY = forbid("when { principal.readOnly }")


def test_taken_away_alone_action_record():
    """Without the action's record a forbid on its group is silent; with it, it denies."""
    assert raw(WRITES, session_entity(), resource_entity()) == (Decision.Allow, 0)
    assert isinstance(ask(PERMIT_ALL + WRITES), Denied)


def test_taken_away_alone_outer_groups_of_the_action():
    """The record names every group at any distance, so a forbid on the outermost one denies."""
    inner = ACTION_ENTITY | {"parents": [{"type": "Action", "id": "forge:write"}]}
    assert raw(WRITES, session_entity(), resource_entity(), inner) == (Decision.Allow, 0)
    for group in ("write", "forge:write", "forge:*"):
        assert isinstance(ask(PERMIT_ALL + WRITES.replace('"write"', f'"{group}"')), Denied)


def test_taken_away_alone_group_of_the_session():
    """Every group of the agent is on the session's record."""
    lonely = session_entity() | {"parents": []}
    assert raw(OF_BUILD, lonely, resource_entity(), ACTION_ENTITY) == (Decision.Allow, 0)
    assert isinstance(ask(PERMIT_ALL + OF_BUILD), Denied)


@pytest.mark.parametrize(
    "ancestor",
    ['Exeat::Mission::"m1"', 'Exeat::Agent::"bot"', 'Exeat::Environment::"prod"', 'Exeat::MissionTemplate::"refunds"'],
)
def test_taken_away_alone_other_ancestors_of_the_session(ancestor):
    """Mission, agent, environment and template are on the session's record too."""
    judge = engine(PERMIT_ALL, forbid("", f"principal in {ancestor}, action, resource"))
    who = principal(judge, CREATE, template="refunds")
    assert isinstance(judge.judge(who, CREATE, repo(), CONTEXT), Denied)


def test_taken_away_alone_service_of_the_resource():
    """A resource without its service is refused, not judged."""
    lonely = resource_entity() | {"parents": []}
    assert raw(AT_FORGE, session_entity(), lonely, ACTION_ENTITY) == (Decision.Allow, 0)
    assert isinstance(ask(PERMIT_ALL + AT_FORGE), Denied)
    assert isinstance(ask(PERMIT_ALL, resource=dataclasses.replace(repo(), parents=())), Failed)
    assert isinstance(ask(PERMIT_ALL, resource=dataclasses.replace(repo(), parents=repo().parents[1:])), Failed)


@pytest.mark.parametrize(
    "id_",
    ["Acme/site", "acme/site ", " acme/site", "acme/site\n", "acme/site\0", "acme/caf\u0065\u0301", "", "a" * 1025],
)
def test_taken_away_alone_canonical_id(id_):
    """An id in another spelling than policies can name is refused."""
    other = resource_entity() | {"uid": {"type": "Forge::Repo", "id": id_ or "x"}}
    scope = 'principal, action, resource == Forge::Repo::"acme/site"'
    changed = {"resource": other["uid"]}
    assert raw(forbid("", scope), session_entity(), other, ACTION_ENTITY, **changed) == (Decision.Allow, 0)
    assert isinstance(ask(PERMIT_ALL, resource=repo(id_)), Failed)


def test_taken_away_alone_resource_enum_schema():
    """A sensitivity that the schema doesn't list is refused."""
    misspelt = resource_entity()
    misspelt["attrs"]["sensitivity"]["__entity"]["id"] = "High"
    assert raw(HIGH, session_entity(), misspelt, ACTION_ENTITY) == (Decision.Allow, 0)
    assert isinstance(ask(PERMIT_ALL, resource=dataclasses.replace(repo(), sensitivity="High")), Failed)
    assert isinstance(ask(PERMIT_ALL, resource=dataclasses.replace(repo(), environment="Prod")), Failed)


def test_taken_away_alone_context_enum_schema():
    """A context value that the schema doesn't list is refused."""
    misspelt = REQUEST["context"].replace('"Exeat::Credential","id":"none"', '"Exeat::Credential","id":"Foreign"')
    entities = (session_entity(), resource_entity(), ACTION_ENTITY)
    assert raw(FOREIGN, *entities, schema=False, context=misspelt) == (Decision.Allow, 0)
    assert isinstance(ask(PERMIT_ALL + FOREIGN, context=dataclasses.replace(CONTEXT, credential="Foreign")), Failed)
    unknown = dataclasses.replace(CONTEXT, approvals=frozenset({"nobody"}))
    reads = forbid('when { context.approvals.contains(Exeat::Approver::"service-owner") }')
    assert isinstance(ask(PERMIT_ALL + reads, context=unknown), Failed)


def test_taken_away_alone_a_policy(monkeypatch):
    """A slice that comes back from the engine with a policy less is not used."""
    assert raw("", session_entity(), resource_entity(), ACTION_ENTITY) == (Decision.Allow, 0)

    def lossy(text: str):
        document = orjson.loads(text)
        document["staticPolicies"].popitem()
        return PolicySet.from_json_str(orjson.dumps(document).decode())

    monkeypatch.setattr(engine_module, "PolicySet", SimpleNamespace(from_json_str=lossy))
    assert isinstance(ask(PERMIT_ALL + READ_ONLY), Failed)


def test_taken_away_alone_session_record():
    """A session whose record is missing is refused."""
    decision, errors = raw(READ_ONLY, resource_entity(), ACTION_ENTITY)
    assert decision is Decision.Allow
    assert errors
    judge = engine(PERMIT_ALL, OF_BUILD)  # silent: the lost record was the one with the group
    who = principal(judge, CREATE)
    who.entities = Entities.from_json_str("[]")
    assert isinstance(judge.judge(who, CREATE, repo(), CONTEXT), Failed)


def test_taken_away_alone_resource_record(monkeypatch):
    """A resource whose record is missing is refused."""
    decision, errors = raw(HIGH, session_entity(), ACTION_ENTITY)
    assert decision is Decision.Allow
    assert errors
    monkeypatch.setattr(engine_module, "resource_record", lambda *_: "")
    assert isinstance(ask(PERMIT_ALL + HIGH), Failed)


def test_taken_away_alone_same_uid_in_request_and_record():
    """A record that isn't the one asked about leaves its attributes unread; an errored forbid is never an allow."""
    decision, errors = raw(
        READ_ONLY,
        session_entity() | {"uid": {"type": "Exeat::Session", "id": "m2/bot"}},
        resource_entity(),
        ACTION_ENTITY,
    )
    assert decision is Decision.Allow
    assert errors
    judge = engine(PERMIT_ALL, READ_ONLY)
    who = principal(judge, CREATE)
    who.uid = ("Exeat::Session", "m2/bot")
    assert isinstance(judge.judge(who, CREATE, repo(), CONTEXT), Failed)


def test_taken_away_alone_resource_shape_schema(monkeypatch):
    """A resource record of another shape than the schema's is refused."""
    shapeless = resource_entity() | {"attrs": {}}
    decision, errors = raw(HIGH, session_entity(), shapeless, ACTION_ENTITY)
    assert decision is Decision.Allow
    assert errors
    monkeypatch.setattr(engine_module, "resource_record", lambda *_: orjson.dumps(shapeless).decode())
    assert isinstance(ask(PERMIT_ALL), Failed)


@pytest.mark.parametrize(
    "condition",
    [
        "9223372036854775807 + context.host.x == 0",
        "9223372036854775807 + 1 == 0",
        'principal.getTag("ticket") == "x"',
        "resource.environment.frozen",
        'Exeat::Service::"forge".environment == resource.environment',
    ],
    ids=["type", "overflow", "missing tag", "unloaded record", "unloaded literal"],
)
def test_taken_away_alone_errors_mean_refusal(condition):
    """A forbid that fails is skipped by Cedar; the engine refuses the request."""
    decision, errors = raw(forbid(f"when {{ {condition} }}"), session_entity(), resource_entity(), ACTION_ENTITY)
    assert decision is Decision.Allow
    assert errors
    assert isinstance(ask(PERMIT_ALL + forbid(f"when {{ {condition} }}")), Failed)


def test_an_error_beside_a_deny_is_failed_too():
    """Refused either way, but somebody has to hear of it."""
    assert isinstance(
        ask(PERMIT_ALL + WRITES + forbid("when { 9223372036854775807 + 1 == 0 }").replace("no", "bad")), Failed
    )
