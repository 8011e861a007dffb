"""A small service and folders of policies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from policy_kit import GRANT

from exeat.errors import Finding
from exeat.model.service import Group, Operation, ResourceType, Service
from exeat.policy.check import check
from exeat.policy.values import SchemaNames


@pytest.fixture(scope="session")
def forge() -> Service:
    return Service(
        "forge",
        "Forge",
        ("api.forge.example",),
        resources=(
            ResourceType("Org", "{owner}", fold=True),
            ResourceType("Repo", "{owner}/{repo}", parent="Org", fold=True),
        ),
        operations=(
            Operation("issues/list", Group.READ, ("GET",), "/i", resource="Repo"),
            Operation("issues/create", Group.WRITE, ("POST",), "/i", resource="Repo"),
            Operation("issues/create", Group.WRITE, ("PUT",), "/j", resource="Repo"),
            Operation("user/get", Group.READ, ("GET",), "/u"),
        ),
        unlisted=True,
    )


@pytest.fixture(scope="session")
def names() -> SchemaNames:
    return SchemaNames(frozenset({"prod", "staging"}), frozenset({"build"}), frozenset({"refunds"}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds the general grant."""
    (tmp_path / "00-grant.cedar").write_text(GRANT)
    return tmp_path


@pytest.fixture
def findings(folder: Path, forge: Service, names: SchemaNames) -> Callable[..., list[Finding]]:
    """Check the folder with ``x.cedar`` of this text (and a site's schema) in it."""

    def run(text: str = "", schema: str = "") -> list[Finding]:
        if text:
            (folder / "x.cedar").write_text(text)
        if schema:
            (folder / "schema.cedarschema").write_text(schema)
        return list(check(folder, [forge], names))

    return run
