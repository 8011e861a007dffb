"""``exeat store``: the schema brought up to date, and one database copied to another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from exeat.store.opening import open_store
from rig.postgres import PASSWORD, Postgres
from unit.store.kit import a_mission


@pytest.fixture
def filled(folder: Path) -> Path:
    async def fill() -> None:
        store = open_store("sqlite:///exeat.db", folder)
        await store.add(a_mission())
        await store.close()

    asyncio.run(fill())
    return folder


def use(folder: Path, store: str) -> None:
    file = folder / "exeat.toml"
    file.write_text(f"store = {{ {store} }}\n" + file.read_text())


def test_a_schema_is_made_and_then_there_is_nothing_to_do(folder, exeat):
    code, out, _ = exeat("store", "migrate", "--json")
    done = orjson.loads(out)
    assert (code, done["schema"], done["before"]) == (0, "exeat.cli/1", None)
    assert list(done["steps"])[:3] == ["0001", "0002", "0003"]
    assert done["after"] == list(done["steps"])[-1]
    code, out, _ = exeat("store", "migrate")
    assert (code, out) == (0, f"the schema is at {done['after']}; there was nothing to do\n")


def test_a_store_that_is_not_there_is_6(folder, exeat):
    use(folder, f'url = "postgresql://admin:{PASSWORD}@127.0.0.1:1/exeat"')
    for verb in (("migrate",), ("copy", "--to", "sqlite:///other.db")):
        code, out, err = exeat("store", *verb)
        assert (code, out) == (6, "")
        assert "fix: start the database" in err
        assert PASSWORD not in err


def test_a_copy_says_what_it_copied(filled, exeat):
    code, out, _ = exeat("store", "copy", "--to", "sqlite:///other.db", "--json")
    done = orjson.loads(out)
    assert (code, done["rows"]["missions"], len(done["sha256"])) == (0, 1, 64)
    code, out, err = exeat("store", "copy", "--to", "sqlite:///other.db")
    assert (code, out) == (1, "")
    assert "the target isn't empty" in err
    code, out, _ = exeat("store", "copy", "--to", "sqlite:///third.db")
    assert code == 0
    assert "copied, and read back the same" in out


def test_the_passwords_come_from_their_sources(filled, exeat, postgres: Postgres, monkeypatch):
    bare = postgres.database().replace(f":{PASSWORD}", "")
    monkeypatch.setenv("THE_PASSWORD", PASSWORD)
    code, out, err = exeat("store", "copy", "--to", bare, "--to-password", "env:THE_PASSWORD")
    assert code == 0, err
    use(filled, f'url = "{bare}", password = "env:THE_PASSWORD"')
    assert exeat("store", "migrate")[0] == 0
    monkeypatch.setenv("THE_PASSWORD", "wrong-canary")
    code, _, err = exeat("store", "migrate")
    assert code == 2
    assert "refuses user 'admin'" in err
    assert "canary" not in out + err


def test_a_schema_of_a_newer_version_is_2(filled, exeat):
    import sqlite3

    with sqlite3.connect(filled / "exeat.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    code, _, err = exeat("store", "migrate")
    assert code == 2
    assert "unknown to this version" in err
