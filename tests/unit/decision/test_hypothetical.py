"""What would be decided: the answer to a question is the answer to the request that means it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import AGENT, AGENTS, HOST, MISSION, NOW, FakeEngine, empty_snapshot, services

from exeat.decision.decide import decide
from exeat.decision.hypothetical import Asked, would_decide
from exeat.decision.normalize import normalize
from exeat.decision.snapshot import with_mission
from exeat.decision.verdict import Denied, Held
from exeat.model.decision import Deny, Hold, Permit
from exeat.model.mission import MissionState
from exeat.model.reason import Reason
from exeat.model.request import Tunnel, WireRequest


def snapshot(engine: FakeEngine | None = None, mission=MISSION):
    return with_mission(empty_snapshot(engine=engine or FakeEngine()), mission, AGENTS)


def asked(**changes):
    question = Asked("m_1/bot", "", "", "example:refunds/get", "Example::Refund", "r 7")
    return replace(question, **changes)


def test_an_operation_is_judged_as_the_request_that_means_it_would_be():
    engine = FakeEngine()
    answer = would_decide(asked(), snapshot(engine), NOW)
    real = normalize(
        WireRequest("GET", b"/v1/refunds/r%207", "", ((b"host", HOST.encode()),), "HTTP/1.1", Tunnel(HOST, 443, HOST))
    )
    view = snapshot().sessions["m_1/bot"]
    assert isinstance(answer, Permit)
    assert answer == decide(real, view, snapshot(), NOW)
    assert engine.asked[0][1:3] == ("example:refunds/get", engine.asked[0][2])
    assert str(engine.asked[0][2].uid) == 'Example::Refund::"r 7"'


def test_a_url_is_judged_as_the_request_itself():
    answer = would_decide(asked(action="GET", kind="url", resource=f"https://{HOST}/v1/refunds/7?x=1"), snapshot(), NOW)
    assert isinstance(answer, Permit)
    assert (answer.question.action, str(answer.question.resource)) == ("example:refunds/get", 'Example::Refund::"7"')
    elsewhere = would_decide(asked(action="GET", kind="url", resource="https://evil.example.test/"), snapshot(), NOW)
    assert isinstance(elsewhere, Deny)
    assert elsewhere.reason is Reason.DESTINATION_NOT_ALLOWED


@pytest.mark.parametrize(("verdict", "kind"), [
    (Denied(Reason.POLICY_DENIED), Deny), (Held(("security-team",), ("a.cedar:1 x",)), Hold),
])  # fmt: skip
def test_the_engines_answer_is_the_answer(verdict, kind):
    assert isinstance(would_decide(asked(), snapshot(FakeEngine(verdict)), NOW), kind)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"session": "m_1/other"}, Reason.MISSION_MISSING),
    ({"session": "m_2/bot"}, Reason.MISSION_MISSING),
    ({"session": "", "agent": "nobody"}, Reason.MISSION_MISSING),
    ({"action": "example:refunds/burn"}, Reason.OPERATION_UNKNOWN),
    ({"action": "example:read"}, Reason.OPERATION_UNKNOWN),
    ({"kind": "Example::Invoice"}, Reason.OPERATION_UNKNOWN),
    ({"resource": ""}, Reason.OPERATION_UNKNOWN),
    ({"resource": "a\nb"}, Reason.REQUEST_MALFORMED),
    ({"resource": "x" * 1025}, Reason.OPERATION_UNKNOWN),
    ({"host": "evil.example.test"}, Reason.DESTINATION_NOT_ALLOWED),
    ({"host": "bad host"}, Reason.REQUEST_MALFORMED),
    ({"action": "example:refunds/create", "kind": "Exeat::Service", "resource": "other"}, Reason.OPERATION_UNKNOWN),
    ({"action": "GET", "kind": "url", "resource": f"http://{HOST}/"}, Reason.REQUEST_MALFORMED),
    ({"action": "GET", "kind": "url", "resource": f"https://{HOST}@evil.example.test/"}, Reason.REQUEST_MALFORMED),
    ({"action": "GET", "kind": "url", "resource": "https://[::1"}, Reason.REQUEST_MALFORMED),
    ({"action": "G T", "kind": "url", "resource": f"https://{HOST}/"}, Reason.REQUEST_MALFORMED),
    ({"action": "http:read", "kind": "Exeat::Host", "resource": HOST}, Reason.OPERATION_UNKNOWN),
])  # fmt: skip
def test_what_means_no_request_is_refused(changes, reason):
    answer = would_decide(asked(**changes), snapshot(), NOW)
    assert isinstance(answer, Deny)
    assert answer.reason is reason, answer


def test_an_agent_is_found_by_any_of_its_names_while_it_has_one_session():
    for name in (AGENT.spiffe_id, AGENT.key, AGENT.name):
        assert isinstance(would_decide(asked(session="", agent=name), snapshot(), NOW), Permit)
        assert isinstance(would_decide(asked(session="", agent=name, mission="m_1"), snapshot(), NOW), Permit)
    two = with_mission(snapshot(), replace(MISSION, id="m_2"), AGENTS)
    assert would_decide(asked(session="", agent="bot"), two, NOW).reason is Reason.MISSION_MISSING
    assert isinstance(would_decide(asked(session="", agent="bot", mission="m_2"), two, NOW), Permit)


def test_an_ended_suspended_or_outlived_mission_permits_nothing():
    ended = with_mission(snapshot(), replace(MISSION, state=MissionState.REVOKED), AGENTS)
    assert would_decide(asked(), ended, NOW).reason is Reason.MISSION_ENDED
    paused = snapshot(mission=replace(MISSION, state=MissionState.SUSPENDED))
    assert would_decide(asked(), paused, NOW).reason is Reason.MISSION_SUSPENDED
    assert would_decide(asked(), snapshot(), NOW + 11).reason is Reason.MISSION_ENDED


def test_ids_of_several_parts_tell_their_parents_or_are_told_them():
    nested = services(
        operation=[
            {
                "match": "GET /repos/{owner}/{repo}/file/{path...}",
                "action": "files/get",
                "group": "read",
                "resource": "File",
            },
            {
                "match": "POST /teams/{team}/things/{thing}",
                "action": "things/edit",
                "group": "write",
                "resource": "Thing",
            },
        ],
        resource=[
            {"type": "Repo", "id": "{owner}/{repo}", "fold": True},
            {"type": "File", "id": "{owner}/{repo}/{path}", "in": "Repo"},
            {"type": "Team", "id": "team-{team}"},
            {"type": "Thing", "id": "{thing}", "in": "Team"},
        ],
    )
    engine = FakeEngine()
    world = replace(snapshot(engine), services=nested)
    file = asked(action="example:files/get", kind="Example::File", resource="Acme/Site/docs/a b.md")
    assert isinstance(would_decide(file, world, NOW), Permit)
    resource = engine.asked[-1][2]
    assert str(resource.uid) == 'Example::File::"Acme/Site/docs/a b.md"'
    assert [str(parent) for parent in resource.parents] == ['Example::Repo::"acme/site"', 'Exeat::Service::"example"']
    thing = asked(action="example:things/edit", kind="Example::Thing", resource="t1")
    assert would_decide(thing, world, NOW).reason is Reason.OPERATION_UNKNOWN
    assert isinstance(would_decide(replace(thing, captures={"team": "red"}), world, NOW), Permit)
    assert 'Example::Team::"team-red"' in map(str, engine.asked[-1][2].parents)


def test_a_pinned_mission_is_asked_about_with_the_model():
    chat = services(
        operation=[
            {
                "match": "POST /v1/chat", "action": "chat", "group": "write", "reader": "json",
                "captures": {"model": "/model"}, "resource": "",
            }
        ],
    )  # fmt: skip
    world = replace(snapshot(mission=replace(MISSION, models=("good-1",))), services=chat)
    question = asked(action="example:chat", kind="Exeat::Service", resource="example")
    assert would_decide(question, world, NOW).reason is Reason.OPERATION_UNKNOWN
    assert would_decide(replace(question, captures={"model": "bad-1"}), world, NOW).reason is Reason.MODEL_NOT_ALLOWED
    assert isinstance(would_decide(replace(question, captures={"model": "good-1"}), world, NOW), Permit)
    free = replace(snapshot(), services=chat)
    assert isinstance(would_decide(question, free, NOW), Permit)
