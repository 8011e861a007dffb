"""The control plane: record, then store, then the data path; and nothing half done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from mission_world import AD_HOC, AGENTS, CEILINGS, DAY, NOW, REFUNDS, Clock, World, control

from exeat.errors import ConflictError, ExeatError, NotFoundError, UnavailableError
from exeat.missions.control import MissionControl
from exeat.missions.errors import CeilingExceededError, InvalidFieldsError
from exeat.model.mission import Ceilings, Mission, MissionState
from exeat.ports import Applied


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def missions(world: World, clock: Clock) -> MissionControl:
    return control(world, clock)


async def opened(missions: MissionControl, world: World) -> Mission:
    mission = (await missions.open(REFUNDS, "ana")).mission
    world.effects.clear()
    world.records.clear()
    world.told.clear()
    return mission


async def test_opening_records_then_stores_then_tells_then_answers(missions: MissionControl, world: World) -> None:
    answer = await missions.open(REFUNDS, "ana")
    assert world.effects == ["record open", "store open", "feed open"]
    assert world.told == [answer.mission]
    record = world.records[0]
    assert (record["kind"], record["mission"], record["by"]) == ("mission", answer.mission.id, "ana")
    assert record["agent"] == "spiffe://exeat.internal/env/prod/agent/invoice-bot"
    assert (record["before"], record["after"]) == ("", "open")
    assert record["operations"] == ["example:read", "example:refunds/create"]


async def test_no_record_ever_holds_a_pass(missions: MissionControl, world: World) -> None:
    answer = await missions.open(REFUNDS, "ana")
    await missions.extend(answer.mission.id, "ana", ttl=3600)
    await missions.close(answer.mission.id, "ana")
    assert "CANARY" in answer.as_dict()["pass"]
    assert "CANARY" not in repr(world.records) + repr(world.stored)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (replace(REFUNDS, template="refundz"), NotFoundError),
        (replace(REFUNDS, agents=("nobody",)), NotFoundError),
        (replace(REFUNDS, agents=("late-bot",)), CeilingExceededError),
        (replace(REFUNDS, operations=("other:*",)), CeilingExceededError),
        (replace(AD_HOC, destinations=("evil.test:443",)), CeilingExceededError),
        (replace(AD_HOC, ttl=2 * DAY), CeilingExceededError),
        (replace(AD_HOC, purpose=""), InvalidFieldsError),
    ],
)
async def test_what_may_not_be_opened_has_no_effect(
    missions: MissionControl, world: World, request_: Any, error: type[ExeatError]
) -> None:
    with pytest.raises(error):
        await missions.open(request_, "ana")
    assert world.effects == []


async def test_an_unknown_template_suggests_one(missions: MissionControl) -> None:
    with pytest.raises(NotFoundError) as caught:
        await missions.open(replace(REFUNDS, template="refundz"), "ana")
    assert caught.value.hint == "Did you mean 'refunds'?"


async def test_a_template_is_held_to_the_ceilings_too(world: World, clock: Clock) -> None:
    lower = control(world, clock, ceilings=lambda: Ceilings(CEILINGS.destinations, ("example:read",), 600.0))
    with pytest.raises(CeilingExceededError) as caught:
        await lower.open(REFUNDS, "ana")
    assert {error.field for error in caught.value.errors} == {"ttl", "operations[1]"}


@pytest.mark.parametrize(
    ("fault", "effects"),
    [
        ("sign", []),
        ("record", []),
        ("store", ["record open", "record open_failed"]),
    ],
)
async def test_a_fault_on_the_way_opens_nothing(
    missions: MissionControl, world: World, fault: str, effects: list[str]
) -> None:
    world.fail = {fault}
    with pytest.raises(ExeatError):
        await missions.open(REFUNDS, "ana")
    assert world.effects == effects
    assert world.stored == {}
    assert world.told == []


@pytest.mark.parametrize("error", [RuntimeError("x"), UnavailableError("x"), TimeoutError()])
async def test_a_mission_the_data_path_did_not_take_is_closed_again(
    missions: MissionControl, world: World, error: BaseException
) -> None:
    world.fail, world.feed_error = {"feed"}, error
    with pytest.raises(UnavailableError):
        await missions.open(REFUNDS, "ana")
    assert [mission.state for mission in world.stored.values()] == [MissionState.CLOSED]
    assert world.effects[:5] == ["record open", "store open", "feed open", "record open_failed", "record close"]


@pytest.mark.parametrize(
    ("verb", "state"),
    [("close", "closed"), ("revoke", "revoked"), ("suspend", "suspended")],
)
async def test_narrowing_records_stores_tells_and_records_the_figures(
    missions: MissionControl, world: World, verb: str, state: str
) -> None:
    mission = await opened(missions, world)
    change = await getattr(missions, verb)(mission.id, "ana", "done")
    assert world.effects == [f"record {verb}", f"store {state}", f"feed {state}", f"record {verb}_applied"]
    assert change.mission.state == state
    assert change.applied.connections_cut == 2
    assert (world.records[0]["before"], world.records[0]["after"]) == ("open", state)
    assert world.records[0]["reason"] == "done"
    assert world.records[1]["connections_cut"] == 2
    assert (change.mission.ended_at is not None) is change.mission.state.final


async def test_suspending_and_resuming(missions: MissionControl, world: World) -> None:
    mission = await opened(missions, world)
    await missions.suspend(mission.id, "ana")
    change = await missions.resume(mission.id, "ana")
    assert change.mission.state is MissionState.OPEN
    assert world.effects[-3:] == ["record resume", "store open", "feed open"]
    assert [told.revision for told in world.told] == [1, 2]


@pytest.mark.parametrize("first", ["close", "revoke"])
@pytest.mark.parametrize("second", ["close", "revoke"])
async def test_ending_what_has_ended_answers_with_its_state(
    missions: MissionControl, world: World, first: str, second: str
) -> None:
    mission = await opened(missions, world)
    ended = await getattr(missions, first)(mission.id, "ana")
    again = await getattr(missions, second)(mission.id, "ben")
    assert again.mission == ended.mission
    assert world.told[-1] == ended.mission, "the data path hears of it again, in case it missed it"


@pytest.mark.parametrize("verb", ["suspend", "resume"])
async def test_an_ended_mission_is_never_suspended_or_resumed(
    missions: MissionControl, world: World, clock: Clock, verb: str
) -> None:
    mission = await opened(missions, world)
    await missions.revoke(mission.id, "ana")
    late = await opened(missions, world)
    clock.now += 1800
    for each in (mission, late):
        with pytest.raises(ConflictError):
            await getattr(missions, verb)(each.id, "ana")
        with pytest.raises(ConflictError):
            await missions.extend(each.id, "ana", ttl=60)
    assert world.effects == []


async def test_a_mission_nobody_opened_is_not_found(missions: MissionControl) -> None:
    for call in (missions.close, missions.revoke, missions.suspend, missions.resume):
        with pytest.raises(NotFoundError):
            await call("m_00000000000000000000000009", "ana")
    with pytest.raises(NotFoundError):
        await missions.get("m_00000000000000000000000009")


@pytest.mark.parametrize("fault", ["record", "store", "read"])
@pytest.mark.parametrize("verb", ["close", "revoke", "suspend"])
async def test_narrowing_is_never_put_off_by_a_fault_but_says_that_it_is_not_durable(
    missions: MissionControl, world: World, verb: str, fault: str
) -> None:
    mission = await opened(missions, world)
    world.fail = {fault}
    with pytest.raises(UnavailableError):
        await getattr(missions, verb)(mission.id, "ana")
    assert [told.state for told in world.told] != []
    assert all(told.state is not MissionState.OPEN for told in world.told)
    assert world.stored[mission.id].state is MissionState.OPEN
    world.fail = set()
    change = await getattr(missions, verb)(mission.id, "ana")
    assert world.stored[mission.id].state is change.mission.state is not MissionState.OPEN


async def test_a_cut_the_data_path_did_not_confirm_is_an_error_until_it_does(
    missions: MissionControl, world: World
) -> None:
    mission = await opened(missions, world)
    world.fail = {"feed"}
    with pytest.raises(UnavailableError):
        await missions.revoke(mission.id, "ana")
    assert world.stored[mission.id].state is MissionState.REVOKED
    world.fail = set()
    change = await missions.revoke(mission.id, "ana")
    assert change.mission.state is MissionState.REVOKED
    assert world.told == [change.mission]


@pytest.mark.parametrize("fault", ["record", "store", "read"])
async def test_widening_waits_for_every_part(missions: MissionControl, world: World, fault: str) -> None:
    mission = await opened(missions, world)
    await missions.suspend(mission.id, "ana")
    world.told.clear()
    world.fail = {fault}
    with pytest.raises(UnavailableError):
        await missions.resume(mission.id, "ana")
    with pytest.raises(UnavailableError):
        await missions.extend(mission.id, "ana", ttl=3600)
    assert world.told == []
    assert world.stored[mission.id].state is MissionState.SUSPENDED


async def test_somebody_faster_makes_a_change_be_judged_anew(missions: MissionControl, world: World) -> None:
    mission = await opened(missions, world)
    world.overtake = 2
    assert (await missions.revoke(mission.id, "ana")).mission.state is MissionState.REVOKED
    other = await opened(missions, world)
    world.overtake = 3
    with pytest.raises(ConflictError):
        await missions.suspend(other.id, "ana")


async def test_changes_of_one_mission_never_overtake_each_other(world: World, clock: Clock) -> None:
    gate = asyncio.Event()

    async def slow(mission: Mission) -> Applied:
        if mission.state is MissionState.OPEN and mission.revision:
            await gate.wait()
        return await world.feed(mission)

    missions = control(world, clock, feed=slow)
    mission = await opened(missions, world)
    await missions.suspend(mission.id, "ana")
    resume = asyncio.create_task(missions.resume(mission.id, "ana"))
    await asyncio.sleep(0)
    revoke = asyncio.create_task(missions.revoke(mission.id, "ana"))
    for _ in range(5):
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(resume, revoke)
    assert [told.state.value for told in world.told] == ["suspended", "open", "revoked"]


async def test_a_caller_that_goes_away_leaves_nothing_half_done(world: World, clock: Clock) -> None:
    reached, gate = asyncio.Event(), asyncio.Event()

    async def slow(mission: Mission) -> Applied:
        if mission.state.final:
            reached.set()
            await gate.wait()
        return await world.feed(mission)

    missions = control(world, clock, feed=slow)
    mission = await opened(missions, world)
    call = asyncio.create_task(missions.revoke(mission.id, "ana"))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert [told.state for told in world.told] == [MissionState.REVOKED]


async def test_extending_hands_out_new_passes_for_the_longer_life(missions: MissionControl, world: World) -> None:
    mission = await opened(missions, world)
    answer = await missions.extend(mission.id, "ana", ttl=7200)
    assert answer.mission.expires_at == NOW + 7200
    assert answer.mission.revision == 1
    assert f".{NOW + 7200:.0f}" in answer.as_dict()["pass"]
    assert world.effects == ["record extend", "store open", "feed open"]
    assert (await missions.extend(mission.id, "ana", until=NOW + 7300)).mission.expires_at == NOW + 7300


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"ttl": 1800.0}, InvalidFieldsError),
        ({"ttl": 60.0}, InvalidFieldsError),
        ({"until": float("nan")}, InvalidFieldsError),
        ({}, InvalidFieldsError),
        ({"ttl": 7200.0, "until": NOW + 7200}, InvalidFieldsError),
        ({"ttl": DAY + 1}, CeilingExceededError),
        ({"until": NOW + 31 * DAY}, CeilingExceededError),
    ],
)
async def test_an_extension_lengthens_and_stays_below_the_ceilings(
    missions: MissionControl, world: World, arguments: dict[str, float], error: type[ExeatError]
) -> None:
    mission = await opened(missions, world)
    with pytest.raises(error):
        await missions.extend(mission.id, "ana", **arguments)
    assert world.effects == []


async def test_extending_counts_the_whole_life(missions: MissionControl, world: World, clock: Clock) -> None:
    mission = await opened(missions, world)
    for _ in range(48):
        clock.now += 1700
        try:
            mission = (await missions.extend(mission.id, "ana", ttl=3600)).mission
        except CeilingExceededError:
            break
    assert mission.expires_at <= NOW + DAY
    assert clock.now < NOW + DAY, "small steps must not add up to more than the ceiling"


async def test_a_mission_whose_agent_was_removed_is_not_extended(world: World, clock: Clock) -> None:
    mission = await opened(control(world, clock), world)
    without = control(world, clock, agents={key: value for key, value in AGENTS.items() if key != "prod/invoice-bot"})
    with pytest.raises(NotFoundError):
        await without.extend(mission.id, "ana", ttl=7200)
    assert (await without.revoke(mission.id, "ana")).mission.state is MissionState.REVOKED
    assert world.records[0]["agent"] == "prod/invoice-bot"


@pytest.mark.guard("due-read-again")
async def test_what_is_due_is_found_without_reading_every_live_mission(
    missions: MissionControl, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be ten thousand. One that somebody else has prolonged is not due, and isn't asked about again."""
    first, other = await opened(missions, world), await opened(missions, world)
    world.stored[other.id] = replace(other, expires_at=NOW + DAY, revision=1)

    async def live() -> Any:
        raise RuntimeError("all of them are read")

    async def children(_: str) -> list[Mission]:
        return []

    monkeypatch.setattr(world, "live", live)
    monkeypatch.setattr(world, "children", children)
    clock.now = first.expires_at
    assert await missions.expire_due() == 1
    assert [each.state for each in world.stored.values()] == [MissionState.EXPIRED, MissionState.OPEN]
    assert not missions.is_due()


async def test_what_is_due_expires_and_nothing_else(missions: MissionControl, world: World, clock: Clock) -> None:
    due = await opened(missions, world)
    suspended = await opened(missions, world)
    await missions.suspend(suspended.id, "ana")
    clock.now += 900
    later = await opened(missions, world)
    assert await missions.expire_due() == 0
    clock.now += 900
    assert await missions.expire_due() == 2
    states = {mission.id: mission.state.value for mission in world.stored.values()}
    assert states == {due.id: "expired", suspended.id: "expired", later.id: "open"}
    assert world.records[0]["by"] == "exeat"
    assert await missions.expire_due() == 0


async def test_one_mission_that_cannot_expire_does_not_keep_the_others(
    missions: MissionControl, world: World, clock: Clock
) -> None:
    first, second = await opened(missions, world), await opened(missions, world)
    clock.now += 1800
    broken = world.replace

    async def replace_(mission: Mission, expected_revision: int) -> Mission:
        if mission.id == first.id:
            raise UnavailableError("bad sector")
        return await broken(mission, expected_revision)

    world.replace = replace_  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="bad sector"):
        await missions.expire_due()
    assert world.stored[second.id].state is MissionState.EXPIRED
    assert {told.id for told in world.told} == {first.id, second.id}, "the broken one is cut all the same"


async def test_missions_end_in_time_also_when_the_store_is_gone(
    missions: MissionControl, world: World, clock: Clock
) -> None:
    mission = await opened(missions, world)
    clock.now += 1800
    world.fail = {"read"}
    with pytest.raises(UnavailableError):
        await missions.expire_due()
    assert [(told.id, told.state) for told in world.told] == [(mission.id, MissionState.EXPIRED)]


async def test_figures_that_cannot_be_recorded_are_said(missions: MissionControl, world: World) -> None:
    mission = await opened(missions, world)
    feed = world.feed

    async def break_audit(changed: Mission) -> Applied:
        world.fail = {"record"}
        return await feed(changed)

    missions._changes._feed = break_audit
    with pytest.raises(UnavailableError, match="revoked and its traffic is cut"):
        await missions.revoke(mission.id, "ana")
    assert world.stored[mission.id].state is MissionState.REVOKED


async def test_missions_are_listed_newest_first(missions: MissionControl, world: World) -> None:
    ids = [(await opened(missions, world)).id for _ in range(3)]
    assert [mission.id for mission in await missions.list(2)] == [ids[2], ids[1]]
    assert [mission.id for mission in await missions.list(2, ids[1])] == [ids[0]]
