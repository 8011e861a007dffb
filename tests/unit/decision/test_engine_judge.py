"""What the engine answers: grants, reasons, approvals, and never anything but a verdict."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from cedarpy import Decision
from engine_kit import (
    BASE,
    CONTEXT,
    CREATE,
    DELETE,
    GRANT,
    LIST,
    PERMIT_ALL,
    SCHEMA,
    STARTER,
    ask,
    engine,
    principal,
    repo,
    rules,
)

from exeat.decision import engine as engine_module
from exeat.decision.engine import Engine
from exeat.decision.verdict import Allowed, Denied, Failed, Held
from exeat.model.decision import CredentialState
from exeat.model.issuing import Grade
from exeat.model.reason import Reason
from exeat.model.service import EntityUid, Resource, Sensitivity


def judge(action=LIST, resource=None, context=CONTEXT, operations=(LIST, CREATE, DELETE), **changes):
    engine_ = engine(STARTER)
    return engine_.judge(principal(engine_, *operations, **changes), action, resource or repo(), context)


def test_nothing_permits_nothing():
    """No policy at all denies without a reason to show."""
    assert ask("") == Denied(Reason.POLICY_DENIED)


def test_a_mission_may_do_what_it_was_opened_for():
    """An operation of the mission is allowed, by the policy that says so."""
    assert judge() == Allowed(("mission-operations",))


def test_what_it_was_not_opened_for_is_denied():
    """An operation beside the mission's is denied."""
    assert judge(CREATE, operations=(LIST,)) == Denied(Reason.POLICY_DENIED)


@pytest.mark.parametrize(("environment", "allowed"), [("any", True), ("prod", True), ("staging", False)])
def test_environments_are_kept_apart(environment, allowed):
    """A resource of another environment is denied, one of the same or of all is not."""
    verdict = judge(resource=repo(environment=environment))
    assert isinstance(verdict, Allowed) is allowed
    if not allowed:
        assert verdict.policies == ("environment-separation",)
        assert verdict.advice == "This resource belongs to another environment than the agent."


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (CredentialState.FOREIGN, Reason.CREDENTIAL_FOREIGN),
        (CredentialState.RETIRED, Reason.CREDENTIAL_RETIRED),
    ],
)
def test_credentials_give_their_own_reason(credential, reason):
    """A foreign or retired credential is denied with its own code."""
    verdict = judge(context=replace(CONTEXT, credential=credential))
    assert isinstance(verdict, Denied)
    assert verdict.reason is reason


@pytest.mark.parametrize(("action", "allowed"), [(LIST, True), (CREATE, False), (DELETE, False)])
def test_a_read_only_mission_only_reads(action, allowed):
    """A read-only mission may read and nothing else, approvals or not."""
    approved = replace(CONTEXT, approvals=frozenset({"service-owner"}))
    assert isinstance(judge(action, context=approved, read_only=True), Allowed) is allowed


def test_a_delete_is_held_for_its_approver():
    """Where approval alone is missing, the answer is who has to give it."""
    assert judge(DELETE) == Held(
        ("service-owner",), ("delete-needs-approval",), "Ask the service's owner to approve this."
    )


def test_with_the_approval_it_is_allowed():
    """The approval turns the hold into an allow."""
    assert isinstance(judge(DELETE, context=replace(CONTEXT, approvals=frozenset({"service-owner"}))), Allowed)


def test_two_approvals_are_asked_for_together():
    """Every approver whose forbid decides is named, and half of them is not enough."""
    high = repo(sensitivity=Sensitivity.HIGH)
    verdict = judge(DELETE, high)
    assert isinstance(verdict, Held)
    assert verdict.approvers == ("security-team", "service-owner")
    half = judge(DELETE, high, replace(CONTEXT, approvals=frozenset({"security-team"})))
    assert isinstance(half, Held)
    assert half.approvers == ("service-owner",)


def test_an_approval_already_given_is_not_asked_for_again():
    """Only what is missing is named, even where a forbid of the one who agreed still decides."""
    both = 'context.approvals.contains(Exeat::Approver::"security-team") && '
    owner = 'context.approvals.contains(Exeat::Approver::"service-owner")'
    text = (
        f'@id("a") @approval("security-team") forbid (principal, action, resource) unless {{ {both} {owner} }};'
        f'@id("b") @approval("service-owner") forbid (principal, action, resource) unless {{ {owner} }};'
    )
    verdict = ask(PERMIT_ALL + text, context=replace(CONTEXT, approvals=frozenset({"security-team"})))
    assert isinstance(verdict, Held)
    assert verdict.approvers == ("service-owner",)


def test_nobody_is_asked_where_approval_would_not_help():
    """A request that another forbid stops, or that nothing permits, is denied and not held, for the reason that counts."""
    verdict = judge(DELETE, read_only=True)
    assert isinstance(verdict, Denied)
    assert verdict.reason is Reason.POLICY_DENIED
    assert verdict.advice == "This mission may only read."
    assert judge(DELETE, operations=(LIST,)) == Denied(Reason.POLICY_DENIED, ("delete-needs-approval",))


@pytest.mark.parametrize(
    ("grade", "allowed"), [(Grade.A, True), (Grade.B, False), (Grade.C, False), (Grade.NONE, False)]
)
def test_sensitive_resources_need_grade_a(grade, allowed):
    """Only a token for this one request reaches a sensitive resource without approval."""
    verdict = judge(resource=repo(sensitivity=Sensitivity.HIGH), context=replace(CONTEXT, grade=grade))
    assert isinstance(verdict, Allowed if allowed else Held)


@pytest.mark.parametrize(
    ("grade", "approvals", "owner", "expected"),
    [
        (Grade.A, (), "payments", Allowed), (Grade.B, (), "payments", Held), (Grade.NONE, (), "payments", Held),
        (Grade.C, ("security-team",), "payments", Allowed), (Grade.C, ("service-owner",), "payments", Held),
        (Grade.A, ("security-team",), "", Denied), (Grade.C, (), " ", Denied),
    ],
)  # fmt: skip
def test_what_is_critical_needs_an_owner_and_a_narrow_token_or_a_human(grade, approvals, owner, expected):
    """No policy of the site is needed for it, and nobody is asked for what an approval wouldn't help."""
    critical = repo(sensitivity=Sensitivity.CRITICAL)
    given = replace(CONTEXT, grade=grade, approvals=frozenset(approvals))
    engine_ = engine(PERMIT_ALL, BASE)
    verdict = engine_.judge(principal(engine_, LIST, owner=owner), LIST, critical, given)
    assert isinstance(verdict, expected)


def test_the_first_forbid_in_file_order_gives_the_reason():
    """Of several forbids the first one speaks, and all are listed in file order."""
    verdict = judge(
        CREATE, repo(environment="staging"), replace(CONTEXT, credential=CredentialState.FOREIGN), read_only=True
    )
    assert verdict == Denied(
        Reason.POLICY_DENIED,
        ("environment-separation", "read-only-mission", "foreign-credential"),
        "This resource belongs to another environment than the agent.",
    )


def test_labels_of_a_mission_can_be_read_as_tags():
    """An admin's label is a tag, and a mission without it has none."""
    tagged = (
        GRANT
        + '@id("t") forbid (principal, action, resource) unless { principal.hasTag("ticket") && principal.getTag("ticket") == "T-1" };'
    )
    engine_ = engine(tagged)
    for labels, expected in (({"ticket": "T-1"}, Allowed), ({"ticket": "T-2"}, Denied), ({}, Denied)):
        assert isinstance(engine_.judge(principal(engine_, LIST, labels=labels), LIST, repo(), CONTEXT), expected)


@pytest.mark.parametrize("action", ["forge:nope", "forge:write", "write", "", "http:read"])
def test_unknown_actions_groups_and_wrong_resources_fail(action):
    """Only a leaf action on its own resource type is judged."""
    engine_ = engine(PERMIT_ALL)
    assert isinstance(engine_.judge(principal(engine_, LIST), action, repo(), CONTEXT), Failed)


@pytest.mark.parametrize(
    "resource",
    [
        Resource(EntityUid("Forge::Org", "acme"), (EntityUid("Exeat::Service", "forge"),), "any", Sensitivity.NORMAL),
        Resource(EntityUid("Exeat::Session", "m1/bot"), (), "any", Sensitivity.NORMAL),
        replace(repo(), parents=(*repo().parents, EntityUid("Exeat::Mission", "m1"))),
        replace(repo(), parents=(repo().parents[0], EntityUid("Exeat::Service", "other"))),
        replace(repo(), parents=(repo().parents[0], repo().parents[0])),
        replace(repo(), parents=(*repo().parents, EntityUid("Forge::Org", "other"))),
        replace(repo(), parents=[*repo().parents]),
        None,
    ],
    ids=["parent type", "session", "mission as parent", "other service", "twice", "two orgs", "list", "none"],
)
def test_resources_of_another_kind_fail(resource):
    """A resource has its action's type and exactly the parents that type has."""
    engine_ = engine(PERMIT_ALL)
    assert isinstance(engine_.judge(principal(engine_, LIST), LIST, resource, CONTEXT), Failed)


def test_a_session_of_another_bundle_fails():
    """A principal is judged only by the engine that opened it."""
    old, new = engine(PERMIT_ALL), engine(PERMIT_ALL)
    assert isinstance(new.judge(principal(old, LIST), LIST, repo(), CONTEXT), Failed)


class Panic(BaseException):
    """As the native engine raises when it panics."""


@pytest.mark.parametrize("error", [Panic("x"), MemoryError(), RecursionError(), ValueError("x"), KeyError("x")])
def test_whatever_the_engine_raises_is_failed(monkeypatch, error):
    """No exception leaves judge, a panic of native code included, and none is remembered."""

    def broken(*_):
        raise error

    engine_ = engine(PERMIT_ALL)
    who = principal(engine_, LIST)
    with monkeypatch.context() as patched:
        patched.setattr(engine_module, "is_authorized", broken)
        assert isinstance(engine_.judge(who, LIST, repo(), CONTEXT), Failed)
    assert isinstance(engine_.judge(who, LIST, repo(), CONTEXT), Allowed)


@pytest.mark.parametrize(
    ("decision", "reasons", "errors"),
    [
        (Decision.Allow, [], []),
        (Decision.Allow, ["stranger"], []),
        (Decision.Allow, ["all"], ["oops"]),
        (Decision.Allow, ["no"], []),
        (Decision.Deny, ["all"], []),
        (Decision.Deny, ["stranger"], []),
        (Decision.NoDecision, [], []),
        ("Allow", ["all"], []),
        (True, ["all"], []),
    ],
)
def test_only_a_clean_answer_is_believed(monkeypatch, decision, reasons, errors):
    """An allow needs the one right decision, no error, and reasons that are all known permits."""
    answer = SimpleNamespace(decision=decision, diagnostics=SimpleNamespace(reasons=reasons, errors=errors))
    monkeypatch.setattr(engine_module, "is_authorized", lambda *_: answer)
    assert isinstance(
        ask(PERMIT_ALL + '@id("no") forbid (principal, action, resource) when { principal.readOnly };', LIST), Failed
    )


def test_the_version_names_policies_and_schema():
    """Equal bundles have equal versions, and any other policy, place or schema another one."""
    version = engine(PERMIT_ALL).version
    assert version == engine(PERMIT_ALL).version
    assert version != engine(PERMIT_ALL, '@id("no") forbid (principal, action, resource);').version
    moved = [replace(rule, label="elsewhere") for rule in rules(PERMIT_ALL)]
    assert version != Engine(moved, SCHEMA).version
    assert version != Engine(rules(PERMIT_ALL), replace(SCHEMA, text=SCHEMA.text + "\n")).version


def test_two_rules_with_one_label_are_refused():
    """A label names one policy."""
    with pytest.raises(ValueError, match="same label"):
        Engine(rules(PERMIT_ALL + PERMIT_ALL), SCHEMA)
