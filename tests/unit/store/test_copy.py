"""From one database to the other: everything, once, into nothing but an empty one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from exeat.errors import ConflictError, StartError, UnavailableError
from exeat.model.mission import Budget, MissionState
from exeat.model.secret import Secret
from exeat.store import copy as copying
from exeat.store.copy import copy_store
from exeat.store.opening import carry_out, open_store
from exeat.store.tables import meta, missions
from rig.postgres import PASSWORD
from unit.store.kit import SQLITE, a_mission


async def fill(url: str, base: Path) -> None:
    store = open_store(url, base)
    for number in range(1, 4):
        await store.add(a_mission(number, budget=Budget(requests=5, bytes=2**40), idle=30.5, models=("m-1",)))
    await store.replace(replace(a_mission(2), state=MissionState.REVOKED, ended_at=1.5), 0)
    await store.ledger.reserve(a_mission(1).id, "bytes", 2**40, 2**41)
    await store.ledger.visit(a_mission(1).id, "api.example.test", 443, 5)
    await store.ledger.activity(a_mission(1).id, 1_800_000_100.123)
    await store.leases.take("rotate", "a", 60)
    await store.close()


def content(url: str, base: Path) -> dict[str, object]:
    return carry_out(url, base, None, lambda connection: dict(copying._read(connection)))


def same(first: dict[str, object], second: dict[str, object]) -> bool:
    return copying._described(first) == copying._described(second)


def test_there_and_back_again_is_the_same(postgres_url: str, tmp_path: Path) -> None:
    asyncio.run(fill(SQLITE, tmp_path))
    there = copy_store(SQLITE, postgres_url, tmp_path)
    back = copy_store(postgres_url, "sqlite:///back.db", tmp_path)
    assert there == back
    assert there.rows["missions"] == 3
    assert there.rows["mission_destinations"] == 1
    original = content(SQLITE, tmp_path)
    assert same(original, content(postgres_url, tmp_path))
    assert same(original, content("sqlite:///back.db", tmp_path))

    async def use() -> None:
        store = open_store(postgres_url, tmp_path)
        assert (await store.get(a_mission(2).id)).state is MissionState.REVOKED
        assert await store.feed_version() == 4
        await store.add(a_mission(9))
        assert [mission.id for mission in (await store.changed_since(4)).missions] == [a_mission(9).id]
        assert await store.ledger.reserve(a_mission(1).id, "bytes", 2**41, 2**41) == 2**40
        await store.close()

    asyncio.run(use())


def test_the_password_of_the_target_may_lie_elsewhere(postgres_url: str, tmp_path: Path) -> None:
    asyncio.run(fill(SQLITE, tmp_path))
    bare = postgres_url.replace(f":{PASSWORD}", "")
    assert copy_store(SQLITE, bare, tmp_path, target_password=Secret(PASSWORD)).rows["missions"] == 3


@pytest.mark.guard("copy-empty")
@pytest.mark.parametrize("left", ["missions", "feed"])
def test_a_target_with_anything_in_it_stays_as_it_is(url: str, tmp_path: Path, left: str) -> None:
    asyncio.run(fill("sqlite:///source.db", tmp_path))
    asyncio.run(fill(url, tmp_path))
    if left == "feed":  # every mission was deleted since, and still the numbers are taken

        def empty(connection: Connection) -> None:
            for table in reversed(copying._tables()):
                if table is not meta:
                    connection.execute(delete(table))

        carry_out(url, tmp_path, None, empty)
    before = content(url, tmp_path)
    with pytest.raises(ConflictError, match="isn't empty"):
        copy_store("sqlite:///source.db", url, tmp_path)
    assert same(before, content(url, tmp_path))


async def test_a_store_in_use_is_not_copied(url: str, tmp_path: Path) -> None:
    store = open_store(url, tmp_path)
    await store.replicas.register("r1", "host-a")
    await store.add(a_mission())
    with pytest.raises(ConflictError, match=r"works on (this store|.*exeat\.db)"):
        copy_store(url, "sqlite:///other.db", tmp_path)
    assert not (tmp_path / "other.db").exists()
    await store.close()
    with pytest.raises(ConflictError, match="host-a still works"):
        copy_store(url, "sqlite:///other.db", tmp_path)
    again = open_store(url, tmp_path)
    await again.replicas.leave("r1")
    await again.close()
    assert copy_store(url, "sqlite:///other.db", tmp_path).rows["missions"] == 1


def test_a_replica_that_was_killed_long_ago_is_no_hindrance(tmp_path: Path) -> None:
    async def fill_and_vanish() -> None:
        store = open_store(SQLITE, tmp_path, now=lambda: 1_800_000_000.0)
        await store.replicas.register("r1", "host-a")
        await store.close()

    asyncio.run(fill_and_vanish())
    from exeat.store import copy

    assert copy._SEEN_SECONDS <= 60
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exeat.store.copy.time.time", lambda: 1_800_000_061.0)
        assert copy_store(SQLITE, "sqlite:///other.db", tmp_path).rows["missions"] == 0


def test_what_does_not_read_back_the_same_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(fill(SQLITE, tmp_path))
    real = copying._count_on

    def damages(connection: Connection, table: object) -> None:
        real(connection, table)
        if table is missions:
            connection.execute(update(missions).where(missions.c.id == a_mission(1).id).values(owner="somebody"))

    monkeypatch.setattr("exeat.store.copy._count_on", damages)
    with pytest.raises(UnavailableError, match="read back"):
        copy_store(SQLITE, "sqlite:///other.db", tmp_path)
    assert content("sqlite:///other.db", tmp_path)["missions"] == []


def test_a_source_that_is_not_there_or_old_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no"):
        copy_store(SQLITE, "sqlite:///other.db", tmp_path)
    (tmp_path / "exeat.db").touch(mode=0o600)
    with pytest.raises(StartError, match="schema") as caught:
        copy_store(SQLITE, "sqlite:///other.db", tmp_path)
    assert "exeat store migrate" in caught.value.hint
    assert not (tmp_path / "other.db").exists()
