"""A remembered verdict is the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_kit import BLOB, CONTEXT, CREATE, DELETE, LIST, PERMIT_ALL, STARTER, blob, engine, principal, repo
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision import engine as engine_module
from exeat.decision.memo import Memo, Projection
from exeat.decision.verdict import Allowed, Context, Denied, Failed, Held
from exeat.model.decision import CredentialState
from exeat.model.issuing import Grade
from exeat.model.service import Sensitivity


def counting(monkeypatch):
    calls = []
    real = engine_module.is_authorized

    def counted(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(engine_module, "is_authorized", counted)
    return calls


def test_equal_questions_are_asked_once(monkeypatch):
    """The second time, and with another method or host that no policy reads, Cedar isn't asked."""
    calls = counting(monkeypatch)
    engine_ = engine(STARTER)
    who = principal(engine_, LIST)
    first = engine_.judge(who, LIST, repo(), CONTEXT)
    assert engine_.judge(who, LIST, repo(), replace(CONTEXT, method="GET", host="b.example")) is first
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("resource", "context"),
    [
        (repo("acme/other"), CONTEXT),
        (repo(environment="staging"), CONTEXT),
        (repo(sensitivity=Sensitivity.HIGH), CONTEXT),
        (repo(), replace(CONTEXT, credential=CredentialState.FOREIGN)),
        (repo(), replace(CONTEXT, grade=Grade.A)),
        (repo(), replace(CONTEXT, approvals=frozenset({"security-team"}))),
    ],
)
def test_another_question_is_asked_anew(monkeypatch, resource, context):
    """Everything that can change a verdict is part of what is remembered."""
    calls = counting(monkeypatch)
    engine_ = engine(STARTER)
    who = principal(engine_, LIST)
    engine_.judge(who, LIST, repo(), CONTEXT)
    engine_.judge(who, LIST, resource, context)
    assert len(calls) > 1


def test_a_policy_that_reads_the_host_is_asked_for_each_host():
    """What a policy reads is part of the key."""
    engine_ = engine(
        PERMIT_ALL, '@id("no") forbid (principal, action, resource) when { context.host == "bad.example" };'
    )
    who = principal(engine_, LIST)
    assert isinstance(engine_.judge(who, LIST, repo(), CONTEXT), Allowed)
    assert isinstance(engine_.judge(who, LIST, repo(), replace(CONTEXT, host="bad.example")), Denied)


def test_holds_and_failures_are_not_remembered():
    """Only clean allows and denials are kept."""
    engine_ = engine(STARTER)
    who = principal(engine_, DELETE)
    assert isinstance(engine_.judge(who, DELETE, repo(), CONTEXT), Held)
    assert isinstance(engine_.judge(who, DELETE, repo("Acme/x"), CONTEXT), Failed)
    assert len(who.memo) == 0


def test_a_policy_that_uses_the_whole_context_makes_all_of_it_count():
    """Where nobody knows what is read, every attribute distinguishes."""
    projection = Projection(None)
    assert projection.values(CONTEXT) != projection.values(replace(CONTEXT, host="b.example"))
    assert projection.reduce(CONTEXT) is CONTEXT


def test_what_is_not_read_is_a_constant():
    """Contexts that differ only in what nobody reads become one and the same question."""
    projection = Projection(frozenset({"grade", "host"}))
    other = Context(CredentialState.SHARED, CONTEXT.grade, frozenset({"service-owner"}), "PUT", CONTEXT.host)
    assert projection.values(other) == projection.values(CONTEXT)
    assert projection.reduce(other) == projection.reduce(CONTEXT)
    assert Projection(frozenset()).reduce(other) == Projection(frozenset()).reduce(replace(CONTEXT, host="c.example"))


def test_reading_what_no_context_has_is_refused():
    """A projection that doesn't know a name would leave it out of the key."""
    with pytest.raises(ValueError, match="calendar"):
        Projection(frozenset({"calendar"}))


def test_the_memo_is_bounded():
    """An agent that invents resource ids can't fill the memory; the oldest verdict goes first."""
    memo = Memo(3)
    for number in range(10):
        memo.put(number, Allowed((str(number),)))
    assert len(memo) == 3
    assert memo.get(6) is None
    assert memo.get(9) == Allowed(("9",))


CONTEXTS = st.builds(
    Context,
    st.sampled_from(CredentialState),
    st.sampled_from(Grade),
    st.frozensets(st.sampled_from(["security-team", "service-owner"])),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["a.example", "b.example"]),
)
RESOURCES = st.builds(
    repo,
    st.sampled_from(["acme/site", "acme/x", "b/c"]),
    st.sampled_from(["any", "prod", "staging"]),
    st.sampled_from(Sensitivity),
)
READS_HOST = '@id("host") @approval("security-team") forbid (principal, action == Action::"forge:issues/list", resource) when { context.host == "b.example" } unless { context.approvals.contains(Exeat::Approver::"security-team") };'
WARM = engine(STARTER, READS_HOST)
WARM_PRINCIPAL = principal(WARM, LIST, DELETE)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([LIST, CREATE, DELETE]), RESOURCES, CONTEXTS)
def test_a_remembered_verdict_is_the_one_a_fresh_session_gets(action, resource, context):
    """The memo changes nothing but the time."""
    fresh = principal(WARM, LIST, DELETE)
    assert WARM.judge(WARM_PRINCIPAL, action, resource, context) == WARM.judge(fresh, action, resource, context)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30))
def test_any_id_gets_a_verdict(id_):
    """Whatever an agent calls a resource, judge returns a value."""
    assert isinstance(WARM.judge(WARM_PRINCIPAL, BLOB, blob(id_), CONTEXT), (Denied, Failed))
