"""Delegated missions: narrower, and changed with their parents whatever fails on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mission_world import AD_HOC, NOW, REFUNDS, Clock, World, control

from exeat.errors import ConflictError, UnavailableError
from exeat.missions.control import MissionControl
from exeat.missions.errors import CeilingExceededError
from exeat.missions.request import OpenRequest
from exeat.model.mission import Budget, Mission, MissionState


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def missions(world: World, clock: Clock) -> MissionControl:
    return control(world, clock)


async def family(missions: MissionControl) -> list[Mission]:
    """One, its child, and that one's child."""
    top = (await missions.open(REFUNDS, "ana")).mission
    child = (await missions.open(OpenRequest(agents=("report-bot",), parent=top.id), "ana")).mission
    low = (await missions.open(OpenRequest(agents=("late-bot",), parent=child.id), "ana")).mission
    return [top, child, low]


async def states(missions: MissionControl, each: list[Mission]) -> list[str]:
    return [str((await missions.get(mission.id)).state) for mission in each]


@pytest.mark.guard("ends-with-its-parent")
async def test_the_parent_first_then_all_below(missions: MissionControl, world: World) -> None:
    tree = await family(missions)
    world.told.clear()
    change = await missions.revoke(tree[0].id, "ana", "gone wrong")
    assert [mission.id for mission in world.told] == [mission.id for mission in tree]
    assert [mission.cause for mission in world.told] == ["", "parent", "parent"]
    assert change.applied.connections_cut == 6
    assert await states(missions, tree) == ["revoked"] * 3


async def test_a_child_that_cannot_be_changed_keeps_nobody_and_is_said(missions: MissionControl, world: World) -> None:
    tree = await family(missions)
    real = world.feed

    async def feed(mission: Mission) -> object:
        if mission.id == tree[1].id:
            raise RuntimeError("its worker is gone")
        return await real(mission)

    world.feed = feed  # type: ignore[method-assign,assignment]
    missions._changes._feed = feed  # type: ignore[assignment]
    with pytest.raises(UnavailableError):
        await missions.revoke(tree[0].id, "ana")
    assert [mission.id for mission in world.told[-2:]] == [tree[0].id, tree[2].id]
    missions._changes._feed = real
    await missions.revoke(tree[0].id, "ana")
    assert await states(missions, tree) == ["revoked"] * 3


async def test_without_the_store_traffic_of_all_is_cut(missions: MissionControl, world: World) -> None:
    tree = await family(missions)
    world.told.clear()
    world.fail |= {"read", "store"}
    with pytest.raises(UnavailableError):
        await missions.revoke(tree[0].id, "ana")
    assert {mission.id for mission in world.told if mission.state is MissionState.REVOKED} == {each.id for each in tree}


async def test_it_expires_with_its_parent(missions: MissionControl, clock: Clock) -> None:
    tree = await family(missions)
    clock.now = NOW + 1800
    assert await missions.expire_due() >= 1
    assert await states(missions, tree) == ["expired"] * 3


@pytest.mark.guard("child-is-narrower")
async def test_a_template_is_no_way_around_the_parent(missions: MissionControl) -> None:
    parent = (await missions.open(AD_HOC, "ana")).mission
    with pytest.raises(CeilingExceededError, match="operations"):
        await missions.open(replace(REFUNDS, agents=("report-bot",), parent=parent.id), "ana")


async def test_an_unbounded_child_has_its_parents_bounds(missions: MissionControl) -> None:
    parent = (await missions.open(replace(REFUNDS, budget=Budget(requests=5, writes=2)), "ana")).mission
    child = (
        await missions.open(OpenRequest(agents=("report-bot",), parent=parent.id, budget=Budget(writes=1)), "ana")
    ).mission
    assert child.budget == Budget(requests=5, writes=1)
    assert child.expires_at == parent.expires_at


async def test_a_child_that_was_suspended_for_itself_meanwhile_stays_so(missions: MissionControl) -> None:
    tree = await family(missions)
    await missions.suspend(tree[0].id, "ana")
    await missions.suspend(tree[1].id, "ana")
    await missions.resume(tree[0].id, "ana")
    assert await states(missions, tree) == ["open", "suspended", "suspended"]
    await missions.resume(tree[1].id, "ana")
    assert await states(missions, tree) == ["open"] * 3


async def test_a_child_is_not_resumed_before_its_parent(missions: MissionControl) -> None:
    tree = await family(missions)
    await missions.suspend(tree[0].id, "ana")
    assert await states(missions, tree) == ["suspended"] * 3
    with pytest.raises(ConflictError):
        await missions.resume(tree[2].id, "ana")
    await missions.resume(tree[0].id, "ana")
    assert await states(missions, tree) == ["open"] * 3
