"""Adding and removing entries of the ceiling: in order, as a whole, and never put off when something is taken away."""

from __future__ import annotations

import pytest
from mission_world import CEILINGS, DAY, NOW, Clock, World, destinations

from exeat.errors import NotFoundError, UnavailableError
from exeat.missions.destinations import DestinationRequest, Destinations
from exeat.missions.errors import InvalidFieldsError
from exeat.missions.uses import LastUses
from exeat.model.traffic import LastUse, Use

WANTED = DestinationRequest("new.example.test:443", "net", "a trial", NOW + DAY, "NET-1")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def kept(world: World) -> Destinations:
    return destinations(world, Clock())


def patterns(kept: Destinations) -> list[str]:
    configured = len(CEILINGS.destinations)
    return [str(entry.pattern) for entry in kept.ceilings().destinations[configured:]]


async def test_adding_records_stores_then_tells(world: World, kept: Destinations) -> None:
    entry = await kept.add(WANTED, "ana")
    changed = ["record destination_add", "store add new.example.test:443", "feed ceilings", "elsewhere"]
    assert world.effects == changed
    assert (entry.added_by, entry.added_at, entry.ticket) == ("ana", NOW, "NET-1")
    assert patterns(kept) == ["new.example.test:443"]
    assert world.allowed[-1] == kept.ceilings()


@pytest.mark.parametrize("broken", ["record", "store", "feed"])
async def test_what_could_not_be_added_whole_is_not_allowed(world: World, kept: Destinations, broken: str) -> None:
    world.fail = {broken}
    with pytest.raises(UnavailableError):
        await kept.add(WANTED, "ana")
    assert patterns(kept) == []
    world.fail = set()
    await kept.refresh()
    assert patterns(kept) == [], "it came back from the store"
    assert not world.allowed or len(world.allowed[-1].destinations) == len(CEILINGS.destinations)


@pytest.mark.guard("removal-cuts-whatever-fails")
@pytest.mark.parametrize("broken", ["record", "store"])
async def test_a_removal_that_is_not_durable_cuts_all_the_same(world: World, kept: Destinations, broken: str) -> None:
    entry = await kept.add(WANTED, "ana")
    world.fail = {broken}
    with pytest.raises(UnavailableError):
        await kept.remove(entry.id, "ana")
    assert len(world.allowed[-1].destinations) == len(CEILINGS.destinations)
    world.fail = set()
    await kept.refresh()
    assert patterns(kept) == [], "reading the store brought it back"
    await kept.remove(entry.id, "ana")
    assert entry.id in world.places.removed


async def test_a_removal_the_data_path_did_not_confirm_is_told_again_when_it_is_repeated(
    world: World, kept: Destinations
) -> None:
    entry = await kept.add(WANTED, "ana")
    world.fail = {"feed"}
    with pytest.raises(UnavailableError):
        await kept.remove(entry.id, "ana")
    world.fail = set()
    removed = await kept.remove(entry.id, "ana")
    assert removed.applied.connections_cut == 2
    assert len(world.allowed[-1].destinations) == len(CEILINGS.destinations)


async def test_what_another_process_did_is_taken_over_once(world: World, kept: Destinations) -> None:
    entry = await destinations(world, Clock()).add(WANTED, "ana")
    world.effects.clear()
    await kept.refresh()
    await kept.refresh()
    assert (patterns(kept), world.effects) == (["new.example.test:443"], ["feed ceilings"])
    world.places.removed.add(entry.id)
    await kept.refresh()
    assert patterns(kept) == []


async def test_every_wrong_field_is_named_and_nothing_happens(world: World, kept: Destinations) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        await kept.add(DestinationRequest("https://x", " ", "", float("nan")), "ana")
    assert [error.field for error in caught.value.errors] == ["owner", "reason", "expires", "destination"]
    with pytest.raises(NotFoundError):
        await kept.remove("dst_00000000000000000000000000", "ana")
    assert world.effects == []


async def test_a_use_counts_for_the_most_exact_entry_and_outlives_a_restart(world: World) -> None:
    clock = Clock()
    kept = destinations(world, clock)
    await kept.add(DestinationRequest("*.example.test", "net", "wide", NOW + DAY), "ana")
    uses = LastUses(kept.ceilings, world.places, clock)
    uses.note([Use("api.example.test", 443, NOW + 5, "a", "m_1"), Use("far.example.test", 443, NOW + 6, "b", "m_2")])
    uses.note([Use("api.example.test", 443, NOW + 4, "late", "m_0"), Use("other.test", 443, NOW, "c", "m_3")])
    await uses.flush()
    known = await LastUses(kept.ceilings, world.places, clock).all()
    assert known["api.example.test:443"] == LastUse(NOW, NOW + 5, "a", "m_1")
    assert known["*.example.test:443"] == LastUse(NOW, NOW + 6, "b", "m_2")
    assert known["short.example.test:443"].used_at is None
    assert "other.test:443" not in known
