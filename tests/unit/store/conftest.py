"""Both databases: a test that takes ``url`` or ``store`` runs on each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exeat.store.migrate import newest
from exeat.store.opening import open_store
from exeat.store.store import Store
from exeat.store.tables import metadata
from rig.postgres import ALONE, Postgres
from unit.store.kit import SQLITE


@pytest.fixture(scope="session")
def one_database(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
def bare_url(postgres: Postgres, one_database: str) -> str:
    """A database without any table: always the same one."""
    postgres.empty(one_database)
    return one_database


@pytest.fixture
def postgres_url(postgres: Postgres, one_database: str) -> str:
    """The same database with all tables, and nothing in them; made anew only when a test left another schema."""
    name = one_database.rpartition("/")[2]
    tables = "".join(f"DELETE FROM {table.name}; " for table in reversed(metadata.sorted_tables))
    right = f"SELECT 1 / count(*) FROM alembic_version WHERE version_num = '{newest()}'"  # an error when there is none
    try:
        postgres.sql(f"{ALONE}; {right}; {tables} INSERT INTO meta (key, value) VALUES ('feed', '0')", name)
    except RuntimeError:
        postgres.empty(one_database)
    return one_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return SQLITE if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(url, tmp_path)
    yield opened
    await opened.close()
