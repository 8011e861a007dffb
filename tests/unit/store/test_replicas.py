"""Replicas: who has acted on what, told so that a revocation can wait for exactly those who may still act on the old."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exeat.store.opening import open_store
from exeat.store.store import Store
from unit.store.kit import a_mission


async def test_a_replica_that_has_acted_on_everything_hears_so(store: Store) -> None:
    await store.replicas.register("r1", "host-a")
    await store.add(a_mission())
    behind = await store.replicas.confirm("r1", 0)
    assert (behind.version, behind.lapsed) == (1, False)
    assert await store.replicas.pending(1) == ["r1"]
    complete = await store.replicas.confirm("r1", behind.version)
    assert (complete.version, complete.lapsed) == (1, False)
    assert complete.history == (await store.live_and_version()).history
    assert await store.replicas.pending(1) == []


async def test_who_confirms_less_than_before_stays_where_it_was(store: Store) -> None:
    await store.replicas.register("r1", "host-a")
    await store.add(a_mission())
    await store.replicas.confirm("r1", 1)
    await store.replicas.confirm("r1", 0)
    assert await store.replicas.pending(1) == []


@pytest.mark.guard("ack-not-ahead")
async def test_nobody_confirms_what_was_not_written_yet(store: Store) -> None:
    """Else the change that takes this number later would wait for nobody."""
    await store.replicas.register("r1", "host-a")
    await store.replicas.confirm("r1", 5)
    await store.add(a_mission())
    assert await store.replicas.pending(1) == ["r1"]


@pytest.mark.guard("lapsed-stays-lapsed")
async def test_a_lapsed_replica_is_waited_for_no_more_and_has_to_register_anew(store: Store) -> None:
    for name in ("r1", "r2", "r3"):
        await store.replicas.register(name, "host-a")
    await store.add(a_mission())
    await store.replicas.confirm("r1", 1)
    assert await store.replicas.lapse(["r1", "r2"], 1) == ["r2"]
    assert await store.replicas.pending(1) == ["r3"]
    for _ in range(2):
        assert (await store.replicas.confirm("r2", 1)).lapsed
    await store.replicas.register("r2", "host-a")
    assert await store.replicas.pending(1) == ["r2", "r3"]
    assert not (await store.replicas.confirm("r2", 1)).lapsed
    assert await store.replicas.pending(1) == ["r3"]


async def test_a_replica_nobody_knows_counts_as_lapsed(store: Store) -> None:
    assert (await store.replicas.confirm("r1", 0)).lapsed


async def test_who_left_is_waited_for_no_more(store: Store) -> None:
    await store.replicas.register("r1", "host-a")
    await store.replicas.leave("r1")
    assert await store.replicas.pending(1) == []


async def test_only_lapsed_replicas_are_forgotten(store: Store) -> None:
    """One whose clock is behind may still be fresh, so its age alone says nothing."""
    for name in ("r1", "r2"):
        await store.replicas.register(name, "host-a")
    await store.replicas.lapse(["r1"], 1)
    assert await store.replicas.clean(4e9) == 1
    assert await store.replicas.pending(1) == ["r2"]


async def test_who_waits_for_replicas_hears_of_confirmations(store: Store, url: str, tmp_path: Path) -> None:
    other = open_store(url, tmp_path)
    await other.replicas.register("r1", "host-a")
    await store.add(a_mission())
    told = asyncio.Event()
    store.replicas.listen(told.set)
    await asyncio.sleep(0.3)
    told.clear()
    await other.replicas.confirm("r1", 1)
    async with asyncio.timeout(5):
        await told.wait()
    assert await store.replicas.pending(1) == []
    await other.close()


async def test_a_confirmation_that_changes_nothing_wakes_nobody(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(postgres_url, tmp_path)
    await store.replicas.register("r1", "host-a")
    told = asyncio.Event()
    store.replicas.listen(told.set)
    await asyncio.sleep(0.3)
    told.clear()
    await store.replicas.confirm("r1", 0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await told.wait()
    await store.close()


async def test_a_confirmation_and_a_change_are_in_one_order(store: Store, url: str, tmp_path: Path) -> None:
    """Whichever comes first: who hears an older version is waited for, and who is waited for no more has heard the new."""
    other = open_store(url, tmp_path)
    await other.replicas.register("r1", "host-a")
    for number in range(1, 13):
        _, confirmed = await asyncio.gather(store.add(a_mission(number)), other.replicas.confirm("r1", number))
        pending = await store.replicas.pending(number)
        assert (confirmed.version, pending) in ((number - 1, ["r1"]), (number, []))
    await other.close()
