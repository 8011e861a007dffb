"""The decision follows its steps, and nothing but a clean Allow by the engine is ever a permit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import (
    FOREIGN_PLACEHOLDER,
    HOST,
    NOW,
    OTHER_SHARED,
    PLACEHOLDER,
    RETIRED,
    SHARED,
    FakeEngine,
    request,
    world,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision.decide import decide
from exeat.decision.verdict import Allowed, Denied, Failed, Held
from exeat.model.decision import CredentialState, Deny, Hold, Inject, Permit, Tag, TokenRequest
from exeat.model.destination import DestinationPattern
from exeat.model.issuing import Grade
from exeat.model.mission import MissionState
from exeat.model.reason import Reason

BEARER = [("Authorization", f"Bearer {PLACEHOLDER}")]


def judged(asked=None, *, engine=None, mission=None, now=NOW, approvals=frozenset(), overrides=frozenset(), **changes):
    snapshot, view = world(engine, mission, **changes)
    snapshot = replace(snapshot, overrides=overrides)
    return decide(asked or request(headers=BEARER), view, snapshot, now, approvals=approvals)


def refused(*args, **kwargs):
    verdict = judged(*args, **kwargs)
    assert isinstance(verdict, Deny), verdict
    return verdict.reason


def going_to(*texts):
    return {"destinations": tuple(DestinationPattern.parse(text) for text in texts)}


def test_a_permit_says_what_was_judged_and_what_must_be_done():
    verdict = judged(request("POST", "/v1/refunds", BEARER))
    assert isinstance(verdict, Permit)
    assert verdict.policies == ("grant.cedar:1 mission-operations",)
    question = verdict.question
    assert (question.service, question.action, str(question.resource)) == (
        "example",
        "example:refunds/create",
        'Exeat::Service::"example"',
    )
    assert (question.credential, question.grade) == (CredentialState.PLACEHOLDER, Grade.A)
    inject, tag = verdict.obligations
    assert isinstance(inject, Inject)
    assert inject.token == TokenRequest(
        session="m_1/bot",
        mission="m_1",
        agent="spiffe://exeat.internal/env/prod/agent/bot",
        service="example",
        action="example:refunds/create",
        resource='Exeat::Service::"example"',
        scope="refunds.write",
    )
    assert inject.place.name == "authorization"
    assert tag == Tag("spiffe")


def test_the_engine_is_asked_what_was_understood():
    engine = FakeEngine()
    judged(engine=engine, approvals=frozenset({"security-team"}))
    ((principal, action, resource, context),) = engine.asked
    assert (principal, action, str(resource.uid)) == (("v1", "m_1/bot"), "example:refunds/get", 'Example::Refund::"r1"')
    assert (context.credential, context.grade, context.approvals) == ("placeholder", "A", {"security-team"})
    assert (context.method, context.host) == ("GET", HOST)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Denied(Reason.POLICY_DENIED, ("p",), "advice"), Reason.POLICY_DENIED),
        (Denied(Reason.CREDENTIAL_FOREIGN), Reason.CREDENTIAL_FOREIGN),
        (Failed("boom"), Reason.POLICY_ERROR),
        (Allowed(()), Reason.POLICY_ERROR),
        (Held(()), Reason.POLICY_ERROR),
        (None, Reason.POLICY_ERROR),
        (True, Reason.POLICY_ERROR),
    ],
)
def test_anything_but_a_clean_allow_is_refused(verdict, reason):
    assert refused(engine=FakeEngine(verdict)) is reason


def test_a_denial_carries_its_policies_and_advice():
    verdict = judged(engine=FakeEngine(Denied(Reason.POLICY_DENIED, ("a.cedar:1 x",), "Ask.")))
    assert isinstance(verdict, Deny)
    assert (verdict.policies, verdict.advice, verdict.question.action) == (
        ("a.cedar:1 x",),
        "Ask.",
        "example:refunds/get",
    )


def test_a_held_request_names_its_approvers():
    verdict = judged(engine=FakeEngine(Held(("security-team",), ("p",), "Wait.")))
    assert isinstance(verdict, Hold)
    assert (verdict.approvers, verdict.policies, verdict.advice) == (("security-team",), ("p",), "Wait.")


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"mission": {"state": MissionState.SUSPENDED}}, Reason.MISSION_SUSPENDED),
        ({"now": NOW + 10}, Reason.MISSION_ENDED),
        ({"mission": going_to("other.test:443")}, Reason.DESTINATION_NOT_ALLOWED),
        ({"asked": request(target="/nothing")}, Reason.OPERATION_UNKNOWN),
        ({"asked": request(headers=[("Authorization", f"Bearer {RETIRED}")])}, Reason.CREDENTIAL_RETIRED),
        ({"asked": request(headers=[("Authorization", f"Bearer {OTHER_SHARED}")])}, Reason.CREDENTIAL_FOREIGN),
        ({"asked": request(headers=[("Authorization", f"Bearer {FOREIGN_PLACEHOLDER}")])}, Reason.CREDENTIAL_FOREIGN),
        ({"asked": request(headers=[("Authorization", "Bearer unknown")])}, Reason.CREDENTIAL_FOREIGN),
        ({"asked": request(headers=[*BEARER, ("X-Api-Key", "unknown")])}, Reason.CREDENTIAL_FOREIGN),
    ],
)
def test_a_limit_is_refused_before_the_engine_is_asked(kwargs, reason):
    engine = FakeEngine()
    assert refused(engine=engine, **kwargs) is reason
    assert engine.asked == []


def test_a_local_name_is_refused_unless_an_admin_resolves_it():
    asked = request(host="db.internal", target="/")
    mission = going_to("db.internal:443")
    assert refused(asked, mission=mission) is Reason.ADDRESS_NOT_ALLOWED
    assert refused(asked, mission=mission, overrides=frozenset({("db.internal", 80)})) is Reason.ADDRESS_NOT_ALLOWED
    assert isinstance(judged(asked, mission=mission, overrides=frozenset({("db.internal", 443)})), Permit)


def test_plain_http_goes_only_where_a_service_allows_it_and_carries_no_credential():
    asked = request(secure=False)
    assert refused(asked) is Reason.PROTOCOL_NOT_ALLOWED
    assert (
        refused(request(secure=False, host="www.test"), mission=going_to("www.test:80")) is Reason.PROTOCOL_NOT_ALLOWED
    )
    verdict = judged(asked, plain_http=True)
    assert isinstance(verdict, Permit)
    assert verdict.obligations == (Tag("spiffe"),)
    assert verdict.question.grade is Grade.NONE
    assert isinstance(judged(plain_http=True), Permit)


@pytest.mark.parametrize("value", [SHARED, PLACEHOLDER, RETIRED, "unknown"])
@pytest.mark.parametrize("foreign", ["refuse", "forward"])
def test_a_credential_on_plain_http_is_refused(value, foreign):
    asked = request(secure=False, headers=[("Authorization", f"Bearer {value}")])
    assert refused(asked, plain_http=True, foreign=foreign) is Reason.CREDENTIAL_FOREIGN


@pytest.mark.guard("foreign-credential")
@pytest.mark.parametrize("value", ["unknown", OTHER_SHARED, FOREIGN_PLACEHOLDER])
def test_a_foreign_credential_is_refused_even_where_every_policy_permits(value):
    assert refused(request(headers=[("Authorization", f"Bearer {value}")])) is Reason.CREDENTIAL_FOREIGN


def test_a_foreign_credential_is_forwarded_only_where_a_service_says_so_and_alone():
    asked = request(headers=[("Authorization", "Bearer unknown")])
    verdict = judged(asked, foreign="forward")
    assert isinstance(verdict, Permit)
    assert verdict.obligations == (Tag("spiffe"),)  # ours is never put beside it
    assert (verdict.question.credential, verdict.question.grade) == (CredentialState.FORWARDED, Grade.NONE)
    managed = request(headers=[("Authorization", f"Bearer {OTHER_SHARED}")])
    assert refused(managed, foreign="forward") is Reason.CREDENTIAL_FOREIGN
    misplaced = request(headers=[("Authorization", "Bearer unknown"), ("X-A", SHARED)])
    assert refused(misplaced, foreign="forward") is Reason.CREDENTIAL_FOREIGN


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({}, Grade.A),
        ({"issuer": {"kind": "stored_key"}, "shared": {"source": "env:K"}}, Grade.C),
        ({"issuer": None, "credential": None}, Grade.NONE),
    ],
)
def test_the_grade_is_that_of_the_services_issuer(changes, grade):
    verdict = judged(request(), **changes)
    assert isinstance(verdict, Permit)
    assert verdict.question.grade is grade
    assert any(isinstance(duty, Inject) for duty in verdict.obligations) == (grade is not Grade.NONE)


@pytest.mark.parametrize("style", ["spiffe", "pairwise", "none"])
def test_the_tag_is_the_services(style):
    verdict = judged(tag=style)
    assert isinstance(verdict, Permit)
    assert verdict.obligations[-1] == Tag(style)


def test_a_host_without_a_service_is_tagged_and_gets_no_token():
    verdict = judged(request(host="www.test", target="/"), mission=going_to("www.test:443"))
    assert isinstance(verdict, Permit)
    assert (verdict.question.action, verdict.obligations) == ("http:read", (Tag("spiffe"),))


VERDICTS = [Allowed(("p",)), Allowed(()), Denied(Reason.POLICY_DENIED), Held(("a",)), Failed("x"), None]


@settings(max_examples=200, deadline=None)
@given(
    verdict=st.sampled_from(VERDICTS),
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE", "OPTIONS"]),
    target=st.sampled_from(["/", "/v1/refunds", "/v1/refunds/a", "/v1/refunds/a%20", f"/v1/refunds/a?x={SHARED}"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["Authorization", "X-Api-Key", "Cookie"]),
            st.sampled_from(
                ["", "Bearer", "x", *(f"Bearer {value}" for value in (SHARED, RETIRED, PLACEHOLDER, "unknown"))]
            ),
        ),
        max_size=2,
        unique_by=lambda field: field[0],
    ),
    host=st.sampled_from([HOST, "www.test", "localhost"]),
    secure=st.booleans(),
    state=st.sampled_from([MissionState.OPEN, MissionState.SUSPENDED]),
    now=st.sampled_from([NOW, NOW + 10, float("nan"), float("-inf"), float("inf")]),
    foreign=st.sampled_from(["refuse", "forward"]),
    plain_http=st.booleans(),
)
def test_a_permit_means_that_the_engine_allowed_and_no_limit_stood_against_it(
    verdict, method, target, headers, host, secure, state, now, foreign, plain_http
):
    """And no combination makes the decision raise."""
    engine = FakeEngine(verdict)
    asked = request(method, target, headers, host, secure=secure)
    mission = going_to(f"{HOST}:443", f"{HOST}:80", "www.test:443", "localhost:443") | {"state": state}
    decision = judged(
        asked, engine=engine, mission=mission, now=now, foreign=foreign, plain_http=plain_http, unlisted="strictest"
    )
    if isinstance(decision, Permit):
        assert verdict == Allowed(("p",))
        assert len(engine.asked) == 1
        assert decision.policies
        assert state is MissionState.OPEN
        assert now < NOW + 10
        assert host != "localhost"
        assert secure or (plain_http and not any(isinstance(duty, Inject) for duty in decision.obligations))
        assert sum(isinstance(duty, Tag) for duty in decision.obligations) == 1
