"""PostgreSQL: a server that crashes, stands still, or drops connections costs calls, never a commit and never for long."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from exeat.errors import StartError, UnavailableError
from exeat.model.secret import Secret
from exeat.store.migrate import _LOCK
from exeat.store.opening import carry_out, migrate_store, open_store
from exeat.store.store import Store
from exeat.store.tables import metadata
from rig.postgres import PASSWORD, Postgres
from unit.store.kit import a_mission, process


@pytest.fixture
async def store(postgres_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(postgres_url, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def running(postgres: Postgres) -> Iterator[Postgres]:
    """The server, for a test that stops it: it runs again afterwards."""
    yield postgres
    with contextlib.suppress(Exception):
        postgres.stop()
    postgres.start()


def ends_connections(postgres: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", "postgres")


async def settled(store: Store, seconds: float = 10) -> None:
    """The store answers again."""
    until = time.monotonic() + seconds
    while True:
        try:
            await store.feed_version()
        except UnavailableError:
            assert time.monotonic() < until, "the store did not come back"
            await asyncio.sleep(0.1)
        else:
            return


async def test_the_migrations_build_exactly_the_tables(store: Store) -> None:
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert await store.runner.run(differences) == []


async def test_a_commit_is_on_the_disk_before_it_returns(store: Store) -> None:
    def settings(connection):
        names = (
            "synchronous_commit",
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
        )
        return {name: connection.execute(text(f"SHOW {name}")).scalar() for name in names}

    assert await store.runner.run(settings) == {
        "synchronous_commit": "on",
        "statement_timeout": "5s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "5s",
    }


async def test_connections_that_the_server_dropped_are_replaced_unnoticed(
    store: Store, postgres: Postgres, postgres_url: str
) -> None:
    await asyncio.gather(*(store.add(a_mission(number)) for number in range(8)))
    ends_connections(postgres, postgres_url)
    await asyncio.sleep(0.05)
    assert len(await asyncio.gather(*(store.get(a_mission(number).id) for number in range(8)))) == 8


async def test_a_connection_lost_in_a_transaction_is_unavailable_and_rolled_back(
    store: Store, postgres: Postgres, postgres_url: str
) -> None:
    def lost(connection):
        connection.execute(text("UPDATE meta SET value = '41' WHERE key = 'feed'"))
        connection.execute(text("SELECT pg_sleep(5)"))

    call = asyncio.create_task(store.runner.run(lost))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(ends_connections, postgres, postgres_url)
    with pytest.raises(UnavailableError):
        await call
    assert await store.feed_version() == 0


async def test_a_listener_hears_again_after_its_connection_was_lost(
    store: Store, postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    told = asyncio.Event()
    store.listen(told.set)
    await asyncio.sleep(0.3)
    told.clear()
    await asyncio.to_thread(ends_connections, postgres, postgres_url)
    async with asyncio.timeout(5):
        await told.wait()  # something may have been missed
    await asyncio.sleep(0.2)
    told.clear()
    other = open_store(postgres_url, tmp_path)
    await other.add(a_mission())
    async with asyncio.timeout(2):
        await told.wait()
    await other.close()


WRITER = """
async def main(store):
    from exeat.errors import ConflictError, UnavailableError
    number, stored = 0, []
    while len(stored) < 4000:
        number += 1
        try:
            await store.add(a_mission(number))
        except UnavailableError:
            break
        stored.append(number)
        if len(stored) == 20:
            print("under way", flush=True)
    print(len(stored), flush=True)
"""


async def test_a_crash_in_the_middle_loses_nothing_that_was_told_to_be_stored(
    running: Postgres, postgres_url: str, store: Store, tmp_path: Path
) -> None:
    writer = process(WRITER, postgres_url, tmp_path)
    assert await asyncio.to_thread(writer.stdout.readline) == "under way\n"
    await asyncio.to_thread(running.stop, "immediate")
    stored = int((await asyncio.to_thread(writer.communicate, timeout=30))[0])
    with pytest.raises(UnavailableError):
        await store.feed_version()
    await asyncio.to_thread(running.start)
    await settled(store)
    found = {mission.id for mission in await store.live()}
    assert found >= {a_mission(number).id for number in range(1, stored + 1)}
    assert len(found) - stored in (0, 1), "at most the one whose answer was lost"
    assert await store.feed_version() == len(found)


async def test_a_server_that_stands_still_is_unavailable_not_a_hang(
    store: Store, running: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exeat.store.postgres._LATE_SECONDS", 0.5)
    await store.add(a_mission())
    with running.stopped():
        begun = time.monotonic()
        calls = await asyncio.gather(*(store.get(a_mission().id) for _ in range(8)), return_exceptions=True)
        assert time.monotonic() - begun < 4
        assert {type(call) for call in calls} == {UnavailableError}
    monkeypatch.undo()
    await settled(store)
    assert await store.get(a_mission().id) == a_mission()


async def test_a_lock_somebody_holds_is_unavailable_not_a_hang(store: Store, postgres_url: str) -> None:
    def holds(connection):
        connection.execute(text("UPDATE meta SET value = value WHERE key = 'feed'"))
        connection.execute(text("SELECT pg_sleep(0.6)"))

    def impatient(connection):
        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        connection.execute(text("UPDATE meta SET value = value WHERE key = 'feed'"))

    holder = asyncio.create_task(store.runner.run(holds))
    await asyncio.sleep(0.2)
    with pytest.raises(UnavailableError, match="LockNotAvailable"):
        await store.runner.run(impatient)
    await holder
    await store.add(a_mission())


def test_a_start_while_the_server_is_down_is_unavailable_and_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        open_store(f"postgresql://admin:{PASSWORD}@127.0.0.1:1/exeat", tmp_path)
    assert "'exeat' at 127.0.0.1:1" in str(caught.value)
    assert caught.value.hint == "start the database, or mend store.url"
    assert caught.value.exit_code == 6


def test_replicas_that_start_together_migrate_once(bare_url: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: migrate_store(bare_url, tmp_path), range(6)))
    assert sorted(len(each.steps) for each in done)[:5] == [0] * 5
    assert {each.after for each in done} == {done[0].after}


@pytest.mark.guard("migrate-lock")
def test_a_replica_waits_while_another_migrates(bare_url: str, tmp_path: Path) -> None:
    order: list[str] = []
    under_way = threading.Event()

    def migrates(connection: Connection) -> None:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        under_way.set()
        connection.execute(text("SELECT pg_sleep(0.5)"))
        order.append("first")

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(carry_out, bare_url, tmp_path, None, migrates)
        assert under_way.wait(10)
        assert migrate_store(bare_url, tmp_path).before == ""
        order.append("second")
        first.result()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda url: url.replace(PASSWORD, "wrong-secret"), StartError, "refuses user 'admin'"),
        (lambda url: url.replace(f":{PASSWORD}", ""), StartError, "refuses user 'admin'"),
        (lambda url: url + "_none", StartError, "doesn't exist"),
        (lambda url: url + "?sslmode=verify-full", UnavailableError, "rejected SSL upgrade"),
    ],
)
def test_what_the_server_refuses_is_said_with_the_fix_and_without_the_password(
    postgres_url: str, tmp_path: Path, change, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        open_store(change(postgres_url), tmp_path)
    shown = f"{caught.value} {caught.value.hint}"
    assert PASSWORD not in shown
    assert "wrong-secret" not in shown


async def test_the_password_may_lie_elsewhere(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(postgres_url.replace(f":{PASSWORD}", ""), tmp_path, Secret(PASSWORD))
    assert await store.feed_version() == 0
    await store.close()


@pytest.mark.guard("store-values")
async def test_an_error_never_quotes_what_was_to_be_stored(store: Store) -> None:
    for mission in (a_mission(purpose="CANARY\0"), a_mission(environment="CANARY" * 20), a_mission(revision=10**12)):
        with pytest.raises(UnavailableError) as caught:
            await store.add(mission)
        shown = f"{caught.value} {caught.value.__cause__} {caught.value.__suppress_context__}"
        assert "CANARY" not in shown
        assert str(10**12) not in shown
    assert await store.feed_version() == 0


async def test_a_store_of_a_newer_version_is_refused(store: Store, postgres_url: str, tmp_path: Path) -> None:
    await store.runner.run(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None
    )
    with pytest.raises(StartError, match="unknown to this version"):
        open_store(postgres_url, tmp_path)


async def test_a_closed_store_keeps_no_connection(store: Store, postgres: Postgres, postgres_url: str) -> None:
    store.listen(lambda: None)
    await asyncio.gather(*(store.feed_version() for _ in range(4)))
    await asyncio.sleep(0.2)
    await store.close()
    name = postgres_url.rpartition("/")[2]
    for _ in range(20):
        left = postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'", "postgres")
        if left == "0":
            break
        await asyncio.sleep(0.05)
    assert left == "0"


async def test_a_caller_that_goes_away_costs_no_connection(store: Store) -> None:
    await store.add(a_mission())
    for _ in range(12):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await store.runner.run(lambda connection: connection.execute(text("SELECT pg_sleep(3)")) and None)
    assert await store.replace(replace(a_mission(), ticket="T"), 0) is not None


@pytest.mark.guard("store-standby")
async def test_a_standby_is_never_asked_and_after_a_failover_the_history_is_another(
    store: Store, running: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    """A standby may be behind, and one that takes over may count on from an older version."""
    await store.replicas.register("r1", "host-a")
    before = await store.live_and_version()
    await asyncio.to_thread(running.stop, "fast")
    running.becomes_standby()
    await asyncio.to_thread(running.start)
    with pytest.raises(UnavailableError):
        await store.feed_version()
    with pytest.raises(UnavailableError):
        open_store(postgres_url, tmp_path)
    await asyncio.to_thread(running.promote)
    await settled(store)
    after = await store.replicas.confirm("r1", before.version)
    assert after.history != before.history
    assert after.history == (await store.live_and_version()).history


def test_a_server_must_prove_its_name(running: Postgres, bare_url: str, tmp_path: Path) -> None:
    if not running.sql("SHOW ssl_library", "postgres"):
        pytest.skip("this PostgreSQL is built without TLS")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    running.speaks_tls(certificate.cert_chain_pems[0].bytes(), certificate.private_key_pem.bytes())
    running.stop("fast")
    running.start()
    strict = f"{bare_url}?sslmode=verify-full"

    def encrypted(connection: Connection) -> bool:
        return bool(connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar())

    assert carry_out(f"{strict}&sslrootcert=ca.pem", tmp_path, None, encrypted)
    for url in (
        strict,
        f"{strict}&sslrootcert=other.pem",
        strict.replace("127.0.0.1", "localhost") + "&sslrootcert=ca.pem",
    ):
        with pytest.raises(UnavailableError, match="certificate verify failed"):
            carry_out(url, tmp_path, None, encrypted)
