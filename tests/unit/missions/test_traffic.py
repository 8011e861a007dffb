"""What workers report adds up; what it is kept in doesn't grow."""

from __future__ import annotations

import pytest
from mission_world import NOW, Clock, World, destinations

from exeat.enforcement.traffic import TrafficCount
from exeat.errors import RefusalError
from exeat.missions.traffic import TrafficTotals
from exeat.missions.uses import LastUses
from exeat.model.record import RecordKind
from exeat.model.traffic import Traffic, Use


def decision(verdict: str = "permit", mission: str = "m_1", **fields: object) -> dict[str, object]:
    where: dict[str, object] = {"host": "api.example.test", "port": 443, "agent": "spiffe://a", "service": "example"}
    where["credential"] = {"state": "none", "grade": "A"}
    return (
        {"kind": RecordKind.DECISION, "event": "", "decision": verdict, "mission": mission, "code": ""} | where | fields
    )


def test_only_what_was_written_is_counted_and_once() -> None:
    world = World()
    count = TrafficCount(world, Clock(), "w1")
    for record in (
        decision(),
        decision(),
        decision("deny", code="policy_denied"),
        decision() | {"kind": RecordKind.OUTCOME},
    ):
        count.append(record)
    world.fail = {"record"}
    with pytest.raises(RefusalError):
        count.append(decision())
    use = Use("api.example.test", 443, NOW, "spiffe://a", "m_1")
    assert count.take(3, {"tokens": 2}) == Traffic(
        "w1", NOW, 3, {"m_1": 2}, {"m_1": 1}, {"policy_denied": 1}, (use,), {"tokens": 2}
    )  # fmt: skip
    assert count.take(3, {}) == Traffic("w1", NOW, 3)


def test_places_are_bounded_between_two_reports() -> None:
    count = TrafficCount(World(), Clock())
    for number in range(10_010):
        count.append(decision(host=f"h{number}.example.test"))
    assert len(count.take(0, {}).uses) == 10_000


async def test_totals_rates_and_silent_workers() -> None:
    world, clock = World(), Clock()
    totals = TrafficTotals(LastUses(destinations(world, clock).ceilings, world.places, clock), clock)
    await totals.report(Traffic("w0", NOW, permitted={"m_1": 40}, refused={"m_1": 10}, reasons={"policy_denied": 10}))
    clock.now += 5
    await totals.report(Traffic("w1", clock.now, permitted={"m_2": 50}))
    assert totals.rates() == {"requests": 10.0, "refusals": 1.0}
    assert (totals.mission("m_1").permitted, totals.mission("m_1").refused, totals.mission("m_3").permitted) == (
        40,
        10,
        0,
    )
    clock.now += 6
    assert totals.rates() == {"requests": 5.0, "refusals": 0.0}
    assert [worker["reported_ms_ago"] for worker in totals.workers()] == [11000, 6000]
    clock.now += 50
    assert [worker["worker"] for worker in totals.workers()] == ["w1"]
    assert totals.reasons() == {"policy_denied": 10}


async def test_missions_nobody_hears_of_are_forgotten_oldest_first() -> None:
    world, clock = World(), Clock()
    totals = TrafficTotals(LastUses(destinations(world, clock).ceilings, world.places, clock), clock)
    await totals.report(Traffic("w0", NOW, permitted={"m_old": 1}))
    await totals.report(Traffic("w0", NOW, permitted={f"m_{number}": 1 for number in range(20_000)}))
    assert totals.mission("m_old").permitted == 0
    assert totals.mission("m_19999").permitted == 1
