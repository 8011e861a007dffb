"""SQLite: the file is its owner's only, synced, and never used on once anything about it is wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from exeat.errors import StartError, UnavailableError
from exeat.store.opening import open_store
from exeat.store.sqlite import database_file
from exeat.store.store import Store
from exeat.store.tables import metadata
from unit.store.kit import SQLITE as URL
from unit.store.kit import a_mission


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(URL, tmp_path)
    yield opened
    await opened.close()


async def test_a_value_of_another_type_is_an_error_never_a_guess(store: Store) -> None:
    await store.add(a_mission())
    with store.runner._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE missions SET expires_at = 'soon'")
    with pytest.raises(UnavailableError):
        await store.get(a_mission().id)


async def test_the_file_and_its_companions_are_its_owners_only(store: Store, tmp_path: Path) -> None:
    await store.add(a_mission())
    files = sorted(tmp_path.glob("exeat.db*"))
    assert [file.name for file in files] == ["exeat.db", "exeat.db-shm", "exeat.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_every_commit_is_synced_to_a_write_ahead_log(store: Store) -> None:
    with store.runner._engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "trusted_schema")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "trusted_schema": 0}


async def test_the_migrations_build_exactly_the_tables(store: Store) -> None:
    with store.runner._engine.connect() as connection:
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
    monkeypatch.setattr("exeat.store.sqlite.os.access", lambda path, _mode: Path(path) != tmp_path)
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
        "postgresql+asyncpg://db/exeat",
        "postgres://db/exeat",
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
def test_any_other_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StartError) as caught:
        open_store(url, tmp_path)
    assert "sqlite:///exeat.db" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_relative_files_are_relative_to_the_configuration() -> None:
    assert database_file("sqlite:///a/b.db", Path("/etc/exeat")) == Path("/etc/exeat/a/b.db")
    assert database_file("sqlite:////var/b.db", Path("/etc/exeat")) == Path("/var/b.db")


@pytest.mark.parametrize("loss", ["deleted", "replaced"])
async def test_a_file_lost_while_in_use_is_unavailable(store: Store, tmp_path: Path, loss: str) -> None:
    await store.add(a_mission())
    (tmp_path / "exeat.db").rename(tmp_path / "gone.db")
    if loss == "replaced":
        (tmp_path / "exeat.db").touch()
    for call in (store.add(a_mission(2)), store.get(a_mission().id), store.live(), store.page(1)):
        with pytest.raises(UnavailableError):
            await call


async def test_a_full_disk_is_unavailable_and_heals(store: Store) -> None:
    await store.add(a_mission())
    with store.runner._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(UnavailableError, match="full"):
        await store.add(a_mission(2, purpose="x" * 100_000))
    assert await store.get(a_mission(2).id) is None
    with store.runner._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    await store.add(a_mission(2, purpose="x" * 100_000))


async def test_another_process_holding_the_lock_is_unavailable_not_a_hang(store: Store, tmp_path: Path) -> None:
    with store.runner._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "exeat.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        await store.add(a_mission())
    other.execute("ROLLBACK")
    other.close()
    await store.add(a_mission())


async def test_an_error_never_quotes_what_was_to_be_stored(store: Store) -> None:
    with store.runner._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(UnavailableError) as caught:
        await store.add(a_mission(purpose="CANARY" * 20_000))
    assert "CANARY" not in str(caught.value)
    assert "CANARY" not in str(caught.value.__cause__)


async def test_a_late_store_is_unavailable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exeat.store.sqlite._LATE_SECONDS", 0.05)
    import time

    store.runner._thread.submit(time.sleep, 0.3)
    with pytest.raises(UnavailableError, match="in time"):
        await store.get(a_mission().id)
