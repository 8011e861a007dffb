"""An installation with a listener of every kind, in a network of its own, so that connections can be redirected."""

from __future__ import annotations

from functools import partial

import pytest

from rig.certs import Authority
from rig.config import free_port
from rig.ways import Doors

BOT, OTHER = "spiffe://cluster.test/sa/invoice-bot", "spiffe://cluster.test/sa/report-bot"


@pytest.fixture(scope="module", autouse=True)
def _on_an_island(island):
    """Everything of the module lives in a network of its own."""


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """Signs the workloads' certificates."""
    return Authority(tmp_path_factory.mktemp("workloads"), "workloads")


@pytest.fixture
def svid(issuer, tmp_path):
    """Gives out a workload's certificate with its key."""
    return partial(issuer.svid, tmp_path)


@pytest.fixture(scope="module")
def doors(config, island, issuer):
    """The listeners; ask for it before ``exeat``."""
    made = Doors.open(config)
    made.redirect(island)
    made.ports.update({way: free_port() for way in ("dns", "mtls", "both")})
    transparent = next(each for each in config.tables["listener"] if each["url"].startswith("transparent:"))
    transparent["dns"] = f"127.0.0.1:{made.ports['dns']}"
    mutual = {"client_ca": str(issuer.file)}
    config.tables["listener"] += [
        {"url": f"https://127.0.0.1:{made.ports['mtls']}", "evidence": ["svid"], **mutual},
        {"url": f"https://127.0.0.1:{made.ports['both']}", "evidence": ["svid", "pass"], "require": "all", **mutual},
    ]
    for agent, spiffe_id in zip(config.tables["agent"], (BOT, OTHER), strict=True):
        agent["spiffe"] = [spiffe_id]
    config.tables["proxy"]["limits"] = {"head": "2s"}
    return made


@pytest.fixture
def mission(doors, mission, exeat):
    """The agent's only open mission, which is the one that a connection without a pass means."""
    yield mission
    exeat.admin("POST", f"/v1/missions/{mission['mission']}/close", {"reason": "the test is over"})
