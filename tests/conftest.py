"""The test world: an origin, a decoy nobody may reach, an installation of Exeat, and a mission in it.

``--guard NAME`` runs only the tests that carry ``@pytest.mark.guard(NAME)``; ``--matrix FILE`` writes what
became of those of the bypass matrix (``@pytest.mark.row``; ``-m row`` runs no others) as JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rig import matrix
from rig import postgres as postgresql
from rig.certs import Authority
from rig.config import Config
from rig.faults import World
from rig.island import Island, why_not
from rig.origin import Origin
from rig.postgres import Postgres
from rig.proxy import Exeat, check_what_was_written

HOSTS = ("*.example.test",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--guard", action="append", help="run only the tests that prove this guard (repeatable)")
    parser.addoption("--matrix", metavar="FILE", help="write the results of the bypass matrix here (make docs)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--matrix") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(matrix.Results(), "matrix")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if results := session.config.pluginmanager.get_plugin("matrix"):
        Path(session.config.getoption("--matrix")).write_bytes(orjson.dumps(results.as_json()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        named = [str(name) for mark in item.iter_markers("row") for name in mark.args]
        if unknown := set(named) - set(matrix.rows()):
            raise pytest.UsageError(f"{item.nodeid} names rows that tests/matrix/rows.toml doesn't have: {unknown}")
        if named:
            item.user_properties.append(("rows", sorted(set(named))))
    if wanted := set(config.getoption("--guard") or ()):
        kept = [item for item in items if any(wanted & set(mark.args) for mark in item.iter_markers("guard"))]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_runtest_setup() -> None:
    matrix.take_seen()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Show the end of the proxy's log beside a failure; keep the codes a test of the matrix saw."""
    if call.when == "call" and item.get_closest_marker("row"):
        item.user_properties.append(("codes", matrix.take_seen()))
    report = yield
    exeat = getattr(item, "funcargs", {}).get("exeat")
    if report.failed and isinstance(exeat, Exeat):
        report.sections.append(("exeat serve", exeat.log_text()[-6000:]))
    return report


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the origins' certificates."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; ``postgres.database()`` makes an empty database in it."""
    if why := postgresql.why_not():
        pytest.skip(why)
    with Postgres() as running:
        yield running


@pytest.fixture(scope="module")
def island(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Island]:
    """The rest of the module lives in a network where every address is here."""
    if why := why_not():
        pytest.skip(why)
    with Island(tmp_path_factory.mktemp("island")) as made:
        yield made


@pytest.fixture(scope="module")
def origin(authority: Authority) -> Iterator[Origin]:
    """The allowed origin, HTTP/2 and HTTP/1.1."""
    with Origin(authority, *HOSTS) as running:
        yield running


@pytest.fixture(scope="module")
def decoy(authority: Authority) -> Iterator[Origin]:
    """What every refused name points at: it must stay without a single connection."""
    with Origin(authority, *HOSTS) as running:
        yield running


@pytest.fixture(scope="module")
def config(request: pytest.FixtureRequest, origin: Origin, decoy: Origin, authority: Authority) -> Config:
    """The configuration; a module that wants another defines ``configure(config, origin)``."""
    made = Config(origin, authority.file, decoy)
    if configure := getattr(request.module, "configure", None):
        configure(made, origin)
    if hasattr(request.module, "WORLD"):
        request.getfixturevalue("world").install(made)
    return made


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Faults and facts below the product, for a module that names them in ``WORLD``."""
    return World(tmp_path_factory.mktemp("world"), **request.module.WORLD)


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault outlives its test."""
    here = request.getfixturevalue("world") if hasattr(request.module, "WORLD") else None
    yield
    if here is not None:
        here.heal()


@pytest.fixture(scope="module")
def exeat(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Iterator[Exeat]:
    """A serving installation, stopped after the module; whatever the module did, what it wrote must then be sound."""
    with Exeat(tmp_path_factory.mktemp("exeat"), config) as running:
        yield running
    check_what_was_written(running)


@pytest.fixture
def mission(exeat: Exeat, origin: Origin, decoy: Origin) -> dict[str, Any]:
    """A fresh mission of invoice-bot, with both origins' memories wiped."""
    opened = exeat.open()
    for each in (origin, decoy):
        each.wait_quiet(0.02)
        each.clear()
        each.tokens = None
    return opened


@pytest.fixture
def make_exeat(tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Exeat]]:
    """Make installations of one's own: ``make_exeat(origin, change=lambda config: …)``; all are ended afterwards."""
    with ExitStack() as stack:

        def make(origin: Origin, decoy: Origin | None = None, change: Callable[[Config], None] | None = None) -> Exeat:
            made = Config(origin, authority.file, decoy)
            if change:
                change(made)
            folder = tmp_path / f"exeat-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            installation = Exeat(folder, made)
            stack.callback(installation.kill)
            return installation

        yield make


os.environ.pop("SSLKEYLOGFILE", None)
