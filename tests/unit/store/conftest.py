"""Both databases: a test that takes ``url`` or ``store`` runs on each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exeat.store.opening import open_store
from exeat.store.store import Store
from rig.postgres import Postgres
from unit.store.kit import SQLITE


@pytest.fixture(scope="session")
def one_database(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
def postgres_url(postgres: Postgres, one_database: str) -> str:
    """An empty database: always the same one."""
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
