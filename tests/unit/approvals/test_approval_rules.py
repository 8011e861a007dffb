"""What an approval covers, whose word counts, and on which terms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from approval_kit import ASKED, GROUPS, MISSION, NOW, question, vote
from hypothesis import given
from hypothesis import strategies as st

from exeat.approvals import rules
from exeat.approvals.errors import ApproverError
from exeat.errors import ConflictError
from exeat.missions.errors import InvalidFieldsError
from exeat.model.approval import ApprovalState, Approver, Scope, Terms

OTHER = {
    "binding": "c" * 64, "session": "m_1/other", "action": "example:refunds/list", "resource": 'Exeat::Service::"x"',
    "groups": ("finance", "board"), "also": ("example:payouts/create",), "exact": False,
}  # fmt: skip


def granted(scope=Scope.ONCE, **changes):
    terms = Terms(scope, {Scope.MISSION: 0}.get(scope, 1), NOW + 60)
    return rules.voted(question(**changes), vote(terms=terms), GROUPS)


def test_a_grant_covers_what_was_asked():
    assert rules.covers(granted(), ASKED, NOW + 59)
    assert rules.covers(granted(Scope.MISSION), ASKED, NOW + 59)


@pytest.mark.parametrize("field", ["binding", "session", "groups", "exact"])
def test_an_exact_grant_covers_no_other_request(field):
    assert not rules.covers(granted(), replace(ASKED, **{field: OTHER[field]}), NOW)


@pytest.mark.parametrize("field", ["session", "groups", "action", "resource", "also"])
def test_a_grant_for_the_mission_covers_no_other_action_resource_or_agent(field):
    assert not rules.covers(granted(Scope.MISSION), replace(ASKED, **{field: OTHER[field]}), NOW)


@pytest.mark.parametrize("field", ["binding", "exact"])
def test_a_grant_for_the_mission_covers_any_request_for_it(field):
    assert rules.covers(granted(Scope.MISSION), replace(ASKED, **{field: OTHER[field]}), NOW)


def test_nothing_but_a_grant_that_holds_covers_anything():
    assert not rules.covers(question(), ASKED, NOW)
    assert not rules.covers(granted(), ASKED, NOW + 60)
    assert not rules.covers(rules.denied(question(), vote(), NOW + 60), ASKED, NOW)
    assert not rules.covers(rules.over(granted(), "mission"), ASKED, NOW)


def test_a_grant_that_is_not_used_up_goes_first():
    once, mission = granted(), granted(Scope.MISSION)
    assert rules.best([once, question(), mission], ASKED, NOW) == [mission, once]


def test_a_word_counts_in_every_group_that_is_asked_and_has_its_member():
    both = question(groups=("finance", "board"))
    assert rules.counts_in(both, GROUPS, "alice") == ("finance", "board")
    assert rules.counts_in(both, GROUPS, "carol") == ("board",)
    assert rules.counts_in(question(groups=("unknown",)), GROUPS, "anybody") == ("unknown",)
    with pytest.raises(ApproverError):
        rules.counts_in(both, GROUPS, "mallory")


def test_a_webhook_speaks_for_listed_members_of_its_own_group():
    both = question(groups=("finance", "board", "open"))
    groups = GROUPS | {"open": Approver("open")}
    assert rules.counts_in(both, groups, "alice", "board") == ("board",)
    for name, group in [("bob", "board"), ("alice", "other"), ("alice", "open"), ("alice", "unknown")]:
        with pytest.raises(ApproverError):
            rules.counts_in(both, groups, name, group)


@pytest.mark.parametrize("name", ["Olga", "olga ", "OSKAR", "bot", ASKED.agent])
def test_nobody_approves_what_is_their_own(name):
    with pytest.raises(ApproverError):
        rules.require_other(question(), MISSION, name)


def test_the_shared_token_is_nobody():
    """Everybody without a token of their own is called so: opener and approver may be two people."""
    rules.require_other(question(), replace(MISSION, opened_by="admin"), "admin")
    with pytest.raises(ApproverError):
        rules.require_other(question(), replace(MISSION, owner="admin"), "admin")


def test_two_groups_and_two_people_all_have_to_agree():
    waiting = question(groups=("finance", "board"))
    assert rules.missing(waiting, GROUPS) == {"finance": 1, "board": 2}
    waiting = rules.voted(waiting, vote("alice", "finance", "board"), GROUPS)
    assert rules.missing(waiting, GROUPS) == {"board": 1}
    with pytest.raises(ConflictError):
        rules.voted(waiting, vote("ALICE", "board"), GROUPS)
    assert rules.voted(waiting, vote("carol", "board"), GROUPS).state is ApprovalState.APPROVED


@given(st.lists(st.builds(Terms, st.sampled_from(Scope), st.integers(1, 9), st.floats(1, 9)), min_size=1, max_size=4))
def test_what_holds_is_no_wider_than_what_anybody_said(given_terms):
    held = rules.narrowest(given_terms)
    order = list(Scope)
    for each in given_terms:
        assert order.index(held.scope) <= order.index(each.scope)
        assert held.until <= each.until
        assert held.scope is not Scope.TIMES or each.scope is not Scope.TIMES or held.times <= each.times
    assert {Scope.ONCE: held.times == 1, Scope.MISSION: held.times == 0}.get(held.scope, held.times >= 1)


@pytest.mark.parametrize(
    ("asked", "terms", "field"),
    [
        (ASKED, Terms(Scope.TIMES, 0, NOW + 1), "times"),
        (ASKED, Terms(Scope.TIMES, 1001, NOW + 1), "times"),
        (replace(ASKED, also=("x",)), Terms(Scope.MISSION, 0, NOW + 1), "scope"),
        (replace(ASKED, exact=False), Terms(Scope.ONCE, 1, NOW + 1), "scope"),
        (ASKED, Terms(Scope.ONCE, 1, NOW), "ttl"),
    ],
)
def test_terms_that_do_not_fit_are_refused(asked, terms, field):
    with pytest.raises(InvalidFieldsError) as caught:
        rules.check_terms(asked, terms, NOW)
    assert [error.field for error in caught.value.errors] == [field]


@pytest.mark.parametrize("state", [state for state in ApprovalState if state is not ApprovalState.PENDING])
def test_what_is_decided_stays_decided(state):
    done = replace(question(), state=state)
    for decide in (
        lambda: rules.voted(done, vote(), GROUPS),
        lambda: rules.denied(done, vote(), NOW + 1),
        lambda: rules.voted(replace(question(), until=NOW), vote(), GROUPS),
    ):
        with pytest.raises(ConflictError):
            decide()
