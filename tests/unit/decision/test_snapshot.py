"""A snapshot never changes; a change of missions or policies makes a new one that holds exactly what is live."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import AGENT, AGENTS, MISSION, FakeEngine, empty_snapshot, services, world

from exeat.decision import snapshot as module
from exeat.decision.snapshot import open_session, with_engine, with_mission
from exeat.errors import PolicyError
from exeat.model.identity import Agent
from exeat.model.mission import MissionState


def test_opening_a_mission_gives_each_of_its_agents_one_session():
    other = Agent("other", "prod", "exeat.internal")
    before = empty_snapshot()
    after = with_mission(before, replace(MISSION, agents=("bot", "other")), AGENTS | {other.key: other})
    assert set(after.sessions) == {"m_1/bot", "m_1/other"}
    assert dict(before.sessions) == {}


def test_operations_are_expanded_and_unknown_ones_left_out():
    engine = FakeEngine()
    view = open_session(engine, services(), replace(MISSION, operations=("example:read", "gone:read")), AGENT)
    assert view.operations == {"example:refunds/get"}
    assert engine.opened == [("m_1/bot", view.operations)]


def test_an_agent_of_another_environment_gets_no_session():
    staging = Agent("bot", "staging", "exeat.internal")
    assert not with_mission(empty_snapshot(), MISSION, {staging.key: staging}).sessions


@pytest.mark.parametrize("state", [state for state in MissionState if state.final])
def test_an_ended_mission_has_no_session_and_is_remembered(state):
    snapshot, _ = world()
    after = with_mission(snapshot, replace(MISSION, state=state), AGENTS)
    assert not after.sessions
    assert after.ended == {"m_1": state}
    assert "m_1/bot" in snapshot.sessions


def test_a_suspended_mission_keeps_its_session_so_that_it_can_be_told():
    snapshot, _ = world()
    after = with_mission(snapshot, replace(MISSION, state=MissionState.SUSPENDED), AGENTS)
    assert after.sessions["m_1/bot"].mission.state is MissionState.SUSPENDED


def test_an_agent_taken_off_a_mission_loses_its_session():
    snapshot, _ = world()
    assert not with_mission(snapshot, replace(MISSION, agents=()), AGENTS).sessions


def test_other_missions_are_untouched():
    snapshot, view = world()
    after = with_mission(snapshot, replace(MISSION, id="m_2"), AGENTS)
    assert after.sessions["m_1/bot"] is view
    after = with_mission(after, replace(MISSION, id="m_2", state=MissionState.CLOSED), AGENTS)
    assert set(after.sessions) == {"m_1/bot"}


def test_only_so_many_ended_missions_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    snapshot = empty_snapshot()
    for number in range(4):
        snapshot = with_mission(snapshot, replace(MISSION, id=f"m_{number}", state=MissionState.CLOSED), AGENTS)
    assert list(snapshot.ended) == ["m_2", "m_3"]


def test_ending_a_mission_asks_nobody():
    """Revocation must not fail because something else does."""

    class Broken(FakeEngine):
        def open(self, *_):
            raise PolicyError([])

    snapshot, _ = world()
    broken = replace(snapshot, engine=Broken())
    assert not with_mission(broken, replace(MISSION, state=MissionState.REVOKED), {}).sessions


def test_a_new_bundle_opens_every_session_anew():
    snapshot, _ = world()
    engine = FakeEngine(version="v2")
    after = with_engine(snapshot, engine, services(operation=[]), "v2")
    view = after.sessions["m_1/bot"]
    assert (after.version, after.engine, view.principal) == ("v2", engine, ("v2", "m_1/bot"))
    assert view.operations == {"http:read", "http:write", "http:delete"}


def test_nothing_in_a_snapshot_can_be_written_to():
    snapshot, _ = world()
    with pytest.raises(TypeError):
        snapshot.sessions["m_1/bot"] = None
    with pytest.raises(TypeError):
        snapshot.ended["m_1"] = None
