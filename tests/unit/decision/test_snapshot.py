"""A snapshot never changes; a change of missions or policies makes a new one that holds exactly what is live."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from decision_world import AGENT, AGENTS, MISSION, FakeEngine, empty_snapshot, services, world
from hypothesis import given
from hypothesis import strategies as st

from exeat.decision import snapshot as module
from exeat.decision.snapshot import open_session, with_agents, with_engine, with_mission, with_missions
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
    with pytest.raises(TypeError):
        snapshot.by_agent[AGENT.spiffe_id] = ()
    with pytest.raises(TypeError):
        snapshot.by_mission["m_1"] = ()


def test_sessions_that_no_mission_leads_to_are_refused():
    """Ending their mission would not find them."""
    snapshot, view = world()
    with pytest.raises(ValueError, match="with_missions"):
        replace(snapshot, by_mission=MappingProxyType({}))
    with pytest.raises(ValueError, match="with_missions"):
        replace(empty_snapshot(), sessions={view.session.key: view})


def test_a_change_touches_its_own_mission_alone():
    """However many are open: nothing else is opened anew."""
    engine = FakeEngine()
    missions = [replace(MISSION, id=f"m_{number}") for number in range(500)]
    snapshot = with_missions(empty_snapshot(engine), missions, AGENTS)
    engine.opened.clear()
    after = with_mission(snapshot, replace(MISSION, id="m_7", purpose="another"), AGENTS)
    assert [key for key, _ in engine.opened] == ["m_7/bot"]
    assert [key for key, view in after.sessions.items() if view is not snapshot.sessions[key]] == ["m_7/bot"]


PEOPLE = {agent.key: agent for name in "abc" if (agent := Agent(name, "prod", "exeat.internal"))}
CHANGES = st.builds(
    lambda number, names, state: replace(MISSION, id=f"m_{number}", agents=tuple(names), state=state),
    st.integers(0, 3),
    st.lists(st.sampled_from("abcd")),  # one nobody knows, and the same one twice
    st.sampled_from(MissionState),
)


@given(st.lists(CHANGES), st.integers(0, 20))
@pytest.mark.guard("snapshot-leaves-agent")
def test_every_way_to_a_session_agrees_with_the_others(changes, cut):
    """One at a time or in bulk: sessions, by mission and by agent, are those of the missions as they were last."""
    snapshots = [with_missions(empty_snapshot(), changes[:cut], PEOPLE)]
    for change in changes[cut:]:
        snapshots.append(with_mission(snapshots[-1], change, PEOPLE))
    for end, snapshot in enumerate(snapshots, min(cut, len(changes))):
        last = {change.id: change for change in changes[:end]}
        live = {
            f"{mission.id}/{name}": mission
            for mission in last.values()
            for name in mission.agents
            if not mission.state.final and name != "d"
        }
        assert {key: view.mission for key, view in snapshot.sessions.items()} == live
        assert dict(snapshot.ended) == {each.id: each.state for each in last.values() if each.state.final}
        for index in (snapshot.by_agent, snapshot.by_mission):
            assert all(index.values())
            assert sorted(id(view) for views in index.values() for view in views) == sorted(
                id(view) for view in snapshot.sessions.values()
            )
        assert all(view.mission.id == key for key, views in snapshot.by_mission.items() for view in views)
        assert all(view.session.agent.spiffe_id == key for key, views in snapshot.by_agent.items() for view in views)


def test_a_delegated_mission_knows_who_is_above_it_whatever_is_replaced():
    """Also after other policies and other agents; without its parent it has no session, for nobody could say what it may do."""
    helper = Agent("helper", "prod", "exeat.internal")
    agents = AGENTS | {helper.key: helper}
    child = replace(MISSION, id="m_2", agents=("helper",), parent="m_1")
    low = replace(MISSION, id="m_3", parent="m_2")
    assert not with_missions(empty_snapshot(), (child, low), agents).sessions
    snapshot = with_missions(empty_snapshot(), (MISSION, child, low), agents)
    engine = FakeEngine(version="v2")
    for each in (
        snapshot,
        with_engine(snapshot, engine, services(), "v2"),
        with_agents(snapshot, agents, engine, snapshot.fingerprints, "v3"),
        with_mission(snapshot, replace(MISSION, expires_at=MISSION.expires_at + 1), agents),
    ):
        view = each.sessions["m_3/bot"]
        assert (view.lineage, view.delegators) == (("m_2", "m_1"), (helper.spiffe_id, AGENT.spiffe_id))
        assert each.sessions["m_1/bot"].lineage == ()
