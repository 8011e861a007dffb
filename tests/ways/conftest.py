"""An installation with a listener of every kind, in a network of its own, so that connections can be redirected."""

from __future__ import annotations

import pytest

from rig.config import free_port
from rig.island import Island, why_not
from rig.ways import Doors
from rig.workloads import Issuer

BOT, OTHER = "spiffe://cluster.test/sa/invoice-bot", "spiffe://cluster.test/sa/report-bot"


@pytest.fixture(scope="module", autouse=True)
def island(tmp_path_factory):
    """A network of the module's own."""
    if why := why_not():
        pytest.skip(why)
    with Island(tmp_path_factory.mktemp("island")) as made:
        yield made


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """Signs the workloads' certificates."""
    return Issuer(tmp_path_factory.mktemp("workloads"))


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
