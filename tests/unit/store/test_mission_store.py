"""The mission store: durable, private, and closed when anything about the file is wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.errors import ConflictError, StartError, UnavailableError
from exeat.model.destination import DestinationPattern
from exeat.model.mission import Mission, MissionState
from exeat.store.engine import database_file
from exeat.store.missions import SqliteMissionStore, open_store
from exeat.store.rows import from_row, to_row
from exeat.store.tables import metadata

URL = "sqlite:///exeat.db"


def a_mission(number: int = 1, **changes: Any) -> Mission:
    mission = Mission(
        id=f"m_{number:026}",
        environment="prod",
        agents=("invoice-bot", "report-bot"),
        destinations=(DestinationPattern("api.example.test", 443), DestinationPattern("*.files.example.test", 8443)),
        operations=("example:read", "example:refunds/create"),
        opened_at=1_800_000_000.125,
        expires_at=1_800_001_800.25,
        template="refunds",
        purpose="pay back “Ana”; DROP TABLE missions --",
        owner="payments",
        ticket="PAY-7",
        read_only=True,
        labels={"team": "payments", "ключ": "значение"},
    )
    return replace(mission, **changes)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteMissionStore]:
    opened = open_store(URL, tmp_path)
    yield opened
    await opened.close()


async def test_what_is_added_is_read_back_exactly(store: SqliteMissionStore) -> None:
    await store.add(a_mission())
    assert await store.get(a_mission().id) == a_mission()
    assert await store.get("m_nobody") is None


async def test_missions_survive_a_restart(tmp_path: Path) -> None:
    first = open_store(URL, tmp_path)
    await first.add(a_mission())
    revoked = await first.replace(replace(a_mission(), state=MissionState.REVOKED, ended_at=1_800_000_001.0), 0)
    await first.close()
    second = open_store(URL, tmp_path)
    assert await second.get(a_mission().id) == revoked
    assert await second.live() == []
    await second.close()


def test_a_killed_process_loses_nothing_it_was_told_is_stored(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, pathlib, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_mission_store import URL, a_mission, open_store\n"
        "async def main():\n"
        "    store = open_store(URL, pathlib.Path(sys.argv[1]))\n"
        "    await store.add(a_mission())\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path, Path(__file__).parent], timeout=30)
    assert done.returncode == -9

    async def read() -> Mission | None:
        store = open_store(URL, tmp_path)
        try:
            return await store.get(a_mission().id)
        finally:
            await store.close()

    assert asyncio.run(read()) == a_mission()


async def test_an_id_is_stored_once(store: SqliteMissionStore) -> None:
    await store.add(a_mission())
    with pytest.raises(ConflictError):
        await store.add(a_mission(purpose="another"))
    assert await store.get(a_mission().id) == a_mission()


async def test_a_change_raises_the_revision(store: SqliteMissionStore) -> None:
    await store.add(a_mission())
    changed = await store.replace(replace(a_mission(), state=MissionState.SUSPENDED), 0)
    assert changed.revision == 1
    assert await store.get(changed.id) == changed


async def test_of_two_writers_one_is_told_it_came_late(store: SqliteMissionStore) -> None:
    await store.add(a_mission())
    await store.replace(replace(a_mission(), state=MissionState.SUSPENDED), 0)
    with pytest.raises(ConflictError):
        await store.replace(replace(a_mission(), expires_at=1_900_000_000.0), 0)
    with pytest.raises(ConflictError):
        await store.replace(a_mission(2), 0)


async def test_of_many_concurrent_writers_over_two_stores_exactly_one_wins(tmp_path: Path) -> None:
    stores = [open_store(URL, tmp_path) for _ in range(2)]
    await stores[0].add(a_mission())
    results = await asyncio.gather(
        *(stores[n % 2].replace(replace(a_mission(), ticket=f"T-{n}"), 0) for n in range(20)), return_exceptions=True
    )
    won = [result for result in results if isinstance(result, Mission)]
    assert len(won) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 19
    assert await stores[1].get(a_mission().id) == won[0]
    for each in stores:
        await each.close()


@pytest.mark.parametrize("state", [state for state in MissionState if state.final])
async def test_what_has_ended_stays_ended_whoever_asks(store: SqliteMissionStore, state: MissionState) -> None:
    await store.add(a_mission())
    ended = await store.replace(replace(a_mission(), state=state), 0)
    with pytest.raises(ConflictError):
        await store.replace(replace(ended, state=MissionState.OPEN), 1)
    assert await store.get(ended.id) == ended


async def test_live_missions_are_the_open_and_suspended_ones(store: SqliteMissionStore) -> None:
    for number, state in enumerate(MissionState):
        await store.add(a_mission(number, state=state))
    assert {mission.state for mission in await store.live()} == {MissionState.OPEN, MissionState.SUSPENDED}


async def test_pages_go_from_new_to_old_without_gaps(store: SqliteMissionStore) -> None:
    for number in range(5):
        await store.add(a_mission(number))
    first = await store.page(2)
    second = await store.page(10, first[-1].id)
    assert [mission.id for mission in (*first, *second)] == [a_mission(number).id for number in (4, 3, 2, 1, 0)]
    assert await store.page(0) == []
    assert len(await store.page(5, "'; DROP TABLE missions; --")) == 0


async def test_the_file_and_its_companions_are_its_owners_only(store: SqliteMissionStore, tmp_path: Path) -> None:
    await store.add(a_mission())
    files = sorted(tmp_path.glob("exeat.db*"))
    assert [file.name for file in files] == ["exeat.db", "exeat.db-shm", "exeat.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_every_commit_is_synced_to_a_write_ahead_log(store: SqliteMissionStore) -> None:
    with store._engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "trusted_schema")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "trusted_schema": 0}


async def test_the_migrations_build_exactly_the_tables(store: SqliteMissionStore) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("name", ["exeat.db", "exeat.db-wal"])
async def test_a_file_others_can_read_is_refused_with_the_fix(tmp_path: Path, name: str) -> None:
    await open_store(URL, tmp_path).close()
    (tmp_path / name).touch()
    (tmp_path / name).chmod(0o644)
    with pytest.raises(StartError) as caught:
        open_store(URL, tmp_path)
    assert caught.value.hint == f"chmod 600 {tmp_path / name}"


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    broken = tmp_path / "exeat.db"
    broken.write_bytes(b"this is not a database, and long enough to be seen as one" * 40)
    broken.chmod(0o600)
    with pytest.raises(UnavailableError, match="not a database"):
        open_store(URL, tmp_path)


async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    await open_store(URL, tmp_path).close()
    with sqlite3.connect(tmp_path / "exeat.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StartError, match="unknown to this version"):
        open_store(URL, tmp_path)


def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "exeat.db").mkdir(mode=0o700)
    for url in ("sqlite:///plain/exeat.db", URL):
        with pytest.raises(StartError):
            open_store(url, tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(open_store(URL, tmp_path).close())
    monkeypatch.setattr("exeat.store.engine.os.access", lambda path, _mode: Path(path) != tmp_path)
    with pytest.raises(StartError, match="can't be written"):
        open_store(URL, tmp_path)


def test_a_folder_others_can_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StartError, match="written by others"):
        open_store(URL, tmp_path)
    assert not (tmp_path / "exeat.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/exeat",
        "postgresql+asyncpg://db/exeat",
        "mysql://db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite:///x.db?mode=ro",
        "exeat.db",
        "",
    ],
)
def test_only_a_sqlite_file_is_a_store_yet(tmp_path: Path, url: str) -> None:
    with pytest.raises(StartError) as caught:
        open_store(url, tmp_path)
    assert "sqlite:///exeat.db" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_postgresql_is_said_to_come_later(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="PostgreSQL comes later"):
        open_store("postgresql://db/exeat", tmp_path)


def test_relative_files_are_relative_to_the_configuration() -> None:
    assert database_file("sqlite:///a/b.db", Path("/etc/exeat")) == Path("/etc/exeat/a/b.db")
    assert database_file("sqlite:////var/b.db", Path("/etc/exeat")) == Path("/var/b.db")


@pytest.mark.parametrize("loss", ["deleted", "replaced"])
async def test_a_file_lost_while_in_use_is_unavailable(store: SqliteMissionStore, tmp_path: Path, loss: str) -> None:
    await store.add(a_mission())
    (tmp_path / "exeat.db").rename(tmp_path / "gone.db")
    if loss == "replaced":
        (tmp_path / "exeat.db").touch()
    for call in (store.add(a_mission(2)), store.get(a_mission().id), store.live(), store.page(1)):
        with pytest.raises(UnavailableError):
            await call


async def test_a_full_disk_is_unavailable_and_heals(store: SqliteMissionStore) -> None:
    await store.add(a_mission())
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(UnavailableError, match="full"):
        await store.add(a_mission(2, purpose="x" * 100_000))
    assert await store.get(a_mission(2).id) is None
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    await store.add(a_mission(2, purpose="x" * 100_000))


async def test_another_process_holding_the_lock_is_unavailable_not_a_hang(
    store: SqliteMissionStore, tmp_path: Path
) -> None:
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "exeat.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        await store.add(a_mission())
    other.execute("ROLLBACK")
    other.close()
    await store.add(a_mission())


async def test_an_error_never_quotes_what_was_to_be_stored(store: SqliteMissionStore) -> None:
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(UnavailableError) as caught:
        await store.add(a_mission(purpose="CANARY" * 20_000))
    assert "CANARY" not in str(caught.value)
    assert "CANARY" not in str(caught.value.__cause__)


async def test_a_late_store_is_unavailable(store: SqliteMissionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exeat.store.missions._LATE_SECONDS", 0.05)
    import time

    store._thread.submit(time.sleep, 0.3)
    with pytest.raises(UnavailableError, match="in time"):
        await store.get(a_mission().id)


async def test_a_closed_store_is_unavailable(store: SqliteMissionStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(UnavailableError):
        await store.live()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "resurrected"),
        ("destinations", '["*.*.com:443"]'),
        ("destinations", "[1]"),
        ("agents", "not json"),
        ("operations", '"example:read"'),
        ("labels", "[]"),
        ("labels", '{"team": 1}'),
        ("expires_at", "soon"),
    ],
)
async def test_a_damaged_row_is_an_error_never_a_guess(store: SqliteMissionStore, column: str, value: str) -> None:
    await store.add(a_mission())
    with store._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE missions SET {column} = ?", (value,))
    with pytest.raises(UnavailableError):
        await store.get(a_mission().id)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=100, deadline=None)
@given(purpose=_TEXT, labels=st.dictionaries(_TEXT, _TEXT, max_size=4), ended=st.none() | st.floats(0, 4e9))
def test_every_mission_reads_back_from_its_row(purpose: str, labels: dict[str, str], ended: float | None) -> None:
    mission = a_mission(purpose=purpose, labels=labels, ended_at=ended)
    assert from_row(to_row(mission)) == mission
