"""The client matrix's world, once a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client_world import World
from conftest import check_what_was_written
from rig.certs import Authority


@pytest.fixture(scope="module")
def world(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One installation, its origins and real servers; what it wrote must be sound afterwards."""
    folder = tmp_path_factory.mktemp("clients")
    with World(folder, authority, Authority(folder, "rogue-ca")) as made:
        yield made
    check_what_was_written(made.exeat)
