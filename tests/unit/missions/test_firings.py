"""Rules that have fired, as the control plane takes them: one record each, and the mission is stopped or told to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exeat.errors import UnavailableError
from exeat.missions.control import MissionControl
from exeat.model.deviation import Firing, Then, When
from exeat.model.mission import MissionState
from unit.missions.mission_world import Clock, World, a_mission, control

MISSION = a_mission()
FIRING = Firing(
    "f_1", "model-pin", When.MODEL, Then.REVOKE, "model", MISSION.id, "spiffe://exeat.internal/env/prod/agent/invoice-bot",
    "prod", "d_1", 2, {"seen": "gpt-4.1"},
)  # fmt: skip


@pytest.fixture
def world() -> World:
    made = World()
    made.stored[MISSION.id] = MISSION
    return made


@pytest.fixture
def missions(world: World) -> MissionControl:
    return control(world, Clock())


@pytest.mark.parametrize(
    ("then", "state"), [(Then.SUSPEND, MissionState.SUSPENDED), (Then.REVOKE, MissionState.REVOKED)]
)
async def test_a_firing_is_recorded_then_the_mission_is_stopped(
    missions: MissionControl, world: World, then: Then, state: MissionState
) -> None:
    await missions.report(replace(FIRING, then=then))
    assert world.effects[0] == "record deviation"
    record = world.records[0]
    assert (record["kind"], record["rule"], record["then"], record["count"]) == ("mission", "model-pin", then, 2)
    assert record["evidence"] == {"seen": "gpt-4.1"}
    assert (world.stored[MISSION.id].state, world.stored[MISSION.id].cause) == (state, "model")
    assert world.records[1]["by"] == "exeat"


async def test_an_alert_is_a_record_alone(missions: MissionControl, world: World) -> None:
    await missions.report(replace(FIRING, then=Then.ALERT))
    assert world.effects == ["record deviation"]


@pytest.mark.parametrize("fault", ["record", "store", "feed", "read"])
async def test_one_that_could_not_be_carried_through_is_told_again_and_recorded_once(
    missions: MissionControl, world: World, fault: str
) -> None:
    world.fail.add(fault)
    with pytest.raises(UnavailableError):
        await missions.report(FIRING)
    world.fail.clear()
    await missions.report(FIRING)
    await missions.report(FIRING)
    assert [record["event"] for record in world.records].count("deviation") == 1
    assert world.stored[MISSION.id].state is MissionState.REVOKED


async def test_a_mission_that_has_ended_meanwhile_is_done_with(missions: MissionControl, world: World) -> None:
    world.stored[MISSION.id] = replace(MISSION, state=MissionState.CLOSED, ended_at=1.0)
    await missions.report(replace(FIRING, then=Then.SUSPEND))
    assert world.stored[MISSION.id].state is MissionState.CLOSED


@pytest.mark.guard("overtaken-firing")
async def test_a_mission_that_keeps_changing_is_not_taken_for_one_that_was_stopped(
    missions: MissionControl, world: World
) -> None:
    world.overtake = 3
    with pytest.raises(UnavailableError):
        await missions.report(FIRING)
    assert world.stored[MISSION.id].state is MissionState.OPEN
    await missions.report(FIRING)
    assert world.stored[MISSION.id].state is MissionState.REVOKED
