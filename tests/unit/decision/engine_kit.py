"""A small service, sessions and resources for tests of the policy engine."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from cedarpy import policies_to_json_str

from exeat.decision.engine import Engine, EngineSchema, Principal
from exeat.decision.engine_rule import Rule
from exeat.decision.verdict import Context, Verdict
from exeat.model.decision import CredentialState
from exeat.model.identity import Agent, Session
from exeat.model.issuing import Grade
from exeat.model.mission import Mission
from exeat.model.reason import Reason
from exeat.model.service import (
    EntityUid,
    Group,
    Operation,
    Resource,
    ResourceType,
    Sensitivity,
    Service,
)
from exeat.policy.parse import read_builtin
from exeat.policy.schema import build_schema
from exeat.policy.source import split_policies
from exeat.policy.values import SchemaNames

NAMES = SchemaNames(
    frozenset({"prod", "staging"}),
    frozenset({"build", "finance"}),
    frozenset({"refunds"}),
    frozenset({"security-team", "service-owner"}),
)
FORGE = Service(
    "forge",
    "Forge",
    ("api.forge.example",),
    resources=(
        ResourceType("Org", "{owner}", fold=True),
        ResourceType("Repo", "{owner}/{repo}", parent="Org", fold=True),
        ResourceType("Blob", "{id}"),
    ),
    operations=(
        Operation("issues/list", Group.READ, ("GET",), "/i", resource="Repo"),
        Operation("issues/create", Group.WRITE, ("POST",), "/i", resource="Repo"),
        Operation("repos/delete", Group.DELETE, ("DELETE",), "/r", resource="Repo"),
        Operation("blobs/get", Group.READ, ("GET",), "/b", resource="Blob"),
        Operation("user/get", Group.READ, ("GET",), "/u"),
    ),
    unlisted=True,
)
LIST, CREATE, DELETE, BLOB = "forge:issues/list", "forge:issues/create", "forge:repos/delete", "forge:blobs/get"
CONTEXT = Context(CredentialState.NONE, Grade.NONE, frozenset(), "POST", "api.forge.example")
PERMIT_ALL = '@id("all") permit (principal, action, resource);'
GRANT = '@id("mission-operations") permit (principal, action, resource) when { action in principal.operations };'
BASE = "\n".join(policy.info.text for policy in read_builtin("base.cedar").policies)
STARTER = GRANT + BASE + "\n".join(policy.info.text for policy in read_builtin("sensitive.cedar").policies)
_SERVICE = EntityUid("Exeat::Service", "forge")


def schema() -> EngineSchema:
    made, findings = build_schema([FORGE], NAMES)
    assert made is not None, findings
    return made


SCHEMA = schema()


def rules(text: str) -> list[Rule]:
    made = []
    for chunk in split_policies(text):
        policy = next(iter(orjson.loads(policies_to_json_str(chunk.text))["staticPolicies"].values()))
        notes = policy.get("annotations", {})
        reason = Reason(notes.get("reason", "policy_denied"))
        made.append(Rule(notes["id"], policy, reason, notes.get("advice", ""), notes.get("approval", "")))
    return made


def engine(*texts: str) -> Engine:
    return Engine(rules("\n".join(texts)), SCHEMA)


def mission(**changes: object) -> Mission:
    fields: dict[str, object] = {
        "id": "m1",
        "environment": "prod",
        "agents": ("bot",),
        "destinations": (),
        "operations": (),
        "opened_at": 0.0,
        "expires_at": 1.0,
    }
    return Mission(**(fields | changes))  # type: ignore[arg-type]


def session(groups: Sequence[str] = ("build",), mission_id: str = "m1") -> Session:
    return Session(mission_id, Agent("bot", "prod", "exeat.test", frozenset(groups)))


def principal(judge: Engine, *operations: str, groups: Sequence[str] = ("build",), **changes: object) -> Principal:
    return judge.open(session(groups), mission(**changes), frozenset(operations))


def repo(id_: str = "acme/site", environment: str = "any", sensitivity: Sensitivity = Sensitivity.NORMAL) -> Resource:
    org = EntityUid("Forge::Org", id_.partition("/")[0])
    return Resource(EntityUid("Forge::Repo", id_), (org, _SERVICE), environment, sensitivity)


def blob(id_: str) -> Resource:
    return Resource(EntityUid("Forge::Blob", id_), (_SERVICE,), "any", Sensitivity.NORMAL)


def ask(text: str, action: str = CREATE, resource: Resource | None = None, context: Context = CONTEXT) -> Verdict:
    judge = engine(text)
    return judge.judge(principal(judge, action), action, resource or repo(), context)
