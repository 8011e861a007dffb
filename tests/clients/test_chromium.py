"""Headless Chromium, unmodified and with every check of its own on, behind the proxy: a login, two hosts, a WebSocket, a download.

It trusts our authority through the NSS database in its HOME and learns the pass from a 407, as any browser does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from browser_site import MESSAGES, Site
from node_world import HERE, Ran, need, node_packages, trust_in_browser

from rig.certs import Authority
from rig.config import Config, operation, service
from rig.origin import Origin
from rig.proxy import Exeat

OPERATIONS = [
    operation("GET /", "pages/home", "read"),
    operation("GET /login", "pages/login", "read"),
    operation("GET /favicon.ico", "pages/icon", "read"),
    operation("GET /report.bin", "reports/download", "read"),
    operation("POST /session", "session/create", "write"),
    operation("WEBSOCKET /ws", "talk", "write"),
    operation("GET /admin", "pages/admin", "admin"),
]


@pytest.fixture(scope="module")
def site(authority: Authority) -> Iterator[Site]:
    with Site(authority.server("*.example.test", alpn=("http/1.1",))) as running:
        yield running


@pytest.fixture(scope="module")
def config(origin: Origin, decoy: Origin, authority: Authority, site: Site) -> Config:
    made = Config(origin, authority.file, decoy)
    made.tables["service"].append(service("shop", "app.example.test", *OPERATIONS))
    made.template["operations"] += ["shop:read", "shop:write"]
    made.allow("app.example.test", local=site.port)
    made.resolve("cdn.example.test", 443, site.port)
    return made


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The robot's script, beside its packages."""
    need("chromium", "certutil")
    folder = tmp_path_factory.mktemp("robot")
    for file in (HERE / "node").glob("*.mjs"):
        shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(node_packages() / "node_modules")
    return folder


class Robot:
    """One browser with a HOME of its own, in one mission."""

    def __init__(self, exeat: Exeat, scripts: Path, folder: Path, agent: str) -> None:
        self.name, self.mission = agent, exeat.open(agent=agent)
        self._scripts, self._folder = scripts, folder
        trust_in_browser(folder, self.mission["ca_file"])

    def browse(self, **more: str) -> Ran:
        """Walk through the site to the end, or as far as it goes."""
        node = self._scripts / "node_modules" / "node-24" / "bin" / "node"
        environ = (
            {"PATH": "/usr/bin:/bin", "ROBOT": self.name} | self.mission["env"] | {"HOME": str(self._folder)} | more
        )
        return Ran.of([str(node), "browse.mjs", "browse", str(self._folder)], self._scripts, environ, 90)

    def found(self) -> dict[str, Any]:
        """What it found; its whole text when it failed."""
        ran = self.browse()
        assert ran.code == 0, ran.text[-4000:]
        result: dict[str, Any] = ran.said["result"]
        return result


def check(robot: Robot, found: dict[str, Any], site: Site) -> None:
    """Everything it came for is there, and both refusals could be read."""
    assert found["title"] == f"Shop of {robot.name}"
    assert found["style"] == "from the other host"
    assert found["picture"] == 3
    assert found["said"] == [MESSAGES, f"{robot.name} said m{MESSAGES - 1}", 1005]
    assert found["download"] == site.report
    assert found["refused"]["status"] == 403
    assert "policy_denied" in found["refused"]["text"]
    assert found["elsewhere"]["status"] == 403
    assert "destination_not_allowed" in found["elsewhere"]["text"]


def test_a_browser_logs_in_talks_and_downloads(
    exeat: Exeat, scripts: Path, site: Site, decoy: Origin, tmp_path: Path
) -> None:
    robot = Robot(exeat, scripts, tmp_path, "invoice-bot")
    site.visits.clear()
    found = robot.found()
    check(robot, found, site)
    denied = {
        record["path"]: record["decision_id"]
        for record in exeat.audit_records("decision", mission=robot.mission["mission"])
        if record["decision"] == "deny"
    }
    assert denied["/admin"] in found["refused"]["text"]
    assert denied["/collect"] in found["elsewhere"]["text"]
    assert {visit.path for visit in site.visits} >= {
        "/login",
        "/session",
        "/",
        "/ws",
        "/report.bin",
        "/style.js",
        "/dot.png",
    }
    assert not decoy.connections


def test_two_missions_side_by_side_share_nothing(
    exeat: Exeat, scripts: Path, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    robots = [Robot(exeat, scripts, tmp_path_factory.mktemp(name), name) for name in ("invoice-bot", "report-bot")]
    site.visits.clear()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(Robot.found, robots))
    for robot, found in zip(robots, results, strict=True):
        check(robot, found, site)
    mine, theirs = ([v for v in site.visits if v.mission == robot.mission["mission"]] for robot in robots)
    assert len(mine) + len(theirs) == len(site.visits), "a request without its mission"
    for part in ("cookie", "token", "connection"):
        ones, others = ({getattr(v, part) for v in visits} - {""} for visits in (mine, theirs))
        assert ones, part
        assert others, part
        assert not ones & others, f"a shared {part}"
    assert not set(results[0]["cookies"]) & set(results[1]["cookies"])
    for robot, visits in zip(robots, (mine, theirs), strict=True):
        records = exeat.audit_records("decision", mission=robot.mission["mission"])
        assert {r["agent"] for r in records} == {robot.mission["agent"]}
        assert len([r for r in records if r["decision"] == "permit"]) == len(visits)


def test_a_browser_without_a_pass_gets_nowhere(exeat: Exeat, scripts: Path, site: Site, tmp_path: Path) -> None:
    robot = Robot(exeat, scripts, tmp_path, "invoice-bot")
    site.visits.clear()
    ran = robot.browse(HTTPS_PROXY=f"http://127.0.0.1:{exeat.port}")
    assert ran.code != 0
    assert "ERR_" in ran.said["message"], ran.text
    assert not site.visits
    assert not exeat.audit_records("decision", mission=robot.mission["mission"])


def test_a_browser_that_does_not_trust_our_authority_sends_nothing(
    exeat: Exeat, scripts: Path, site: Site, tmp_path: Path
) -> None:
    """The checks that a browser makes are on in these tests: without our certificate it refuses us."""
    robot = Robot(exeat, scripts, tmp_path, "invoice-bot")
    site.visits.clear()
    (stranger := tmp_path / "stranger").mkdir()
    ran = robot.browse(HOME=str(stranger))
    assert "ERR_CERT_AUTHORITY_INVALID" in ran.said["message"], ran.text
    assert not site.visits
