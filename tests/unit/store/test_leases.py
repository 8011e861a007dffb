"""Work with one holder at a time, and what a late holder can't do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection

from exeat.errors import ConflictError
from exeat.store import missions
from exeat.store.opening import open_store
from exeat.store.store import Store
from unit.store.kit import a_mission


async def test_one_holds_it_until_it_gives_it_back(store: Store) -> None:
    leases = store.leases
    first = await leases.take("rotate", "a", 60)
    assert first is not None
    assert await leases.take("rotate", "b", 60) is None
    assert await leases.take("another", "b", 60) is not None
    assert await leases.renew("rotate", first, 60)
    await leases.give_back("rotate", first)
    assert not await leases.renew("rotate", first, 60), "given back is given back"
    second = await leases.take("rotate", "b", 60)
    assert second is not None
    assert second > first
    await leases.give_back("rotate", first)
    assert await leases.take("rotate", "a", 60) is None, "an old token gives nothing back"


async def test_its_own_holder_takes_it_anew_with_a_new_token(store: Store) -> None:
    first = await store.leases.take("rotate", "a", 60)
    second = await store.leases.take("rotate", "a", 60)
    assert first is not None
    assert second is not None
    assert second > first
    assert not await store.leases.renew("rotate", first, 60)


@pytest.mark.guard("lease-fence")
async def test_a_late_holder_writes_nothing(store: Store) -> None:
    late = await store.leases.take("rotate", "a", 0.05)
    assert late is not None
    await asyncio.sleep(0.1)
    current = await store.leases.take("rotate", "b", 60)
    assert current is not None
    assert not await store.leases.renew("rotate", late, 60)
    with pytest.raises(ConflictError):
        await store.leases.fenced("rotate", late, missions.add, a_mission())
    assert await store.get(a_mission().id) is None
    await store.leases.fenced("rotate", current, missions.add, a_mission())
    assert await store.get(a_mission().id) == a_mission()
    with pytest.raises(ConflictError):
        await store.leases.fenced("nobody took this", 1, missions.add, a_mission(2))


async def test_a_late_holder_whom_nobody_followed_may_go_on(store: Store) -> None:
    late = await store.leases.take("rotate", "a", 0.01)
    assert late is not None
    await asyncio.sleep(0.05)
    assert await store.leases.renew("rotate", late, 60)
    assert await store.leases.take("rotate", "b", 60) is None


async def test_of_many_who_want_it_one_gets_it(store: Store, url: str, tmp_path: Path) -> None:
    other = open_store(url, tmp_path)
    got = await asyncio.gather(*((store, other)[n % 2].leases.take("rotate", f"h{n}", 60) for n in range(12)))
    assert [token for token in got if token is not None] == [1]
    await other.close()


async def test_nobody_takes_it_while_a_fenced_write_is_under_way(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(postgres_url, tmp_path)
    token = await store.leases.take("rotate", "a", 0.01)
    assert token is not None
    order: list[str] = []

    def slow(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_sleep(0.3)")
        order.append("written")

    async def takes() -> None:
        await asyncio.sleep(0.1)
        assert await store.leases.take("rotate", "b", 60) is not None
        order.append("taken")

    await asyncio.gather(store.leases.fenced("rotate", token, slow), takes())
    assert order == ["written", "taken"]
    await store.close()
