"""What people really have: a cron script with a key in its source, and a vendor's platform; told apart in the record."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from client_world import PYTHON

from rig.config import SHARED_KEY
from rig.origin import Origin
from rig.proxy import Exeat, clean_environment

URL = "https://api.example.test"
CRON = f"""
import requests, sys

KEY = "{SHARED_KEY}"  # the key everything here has used for years

session = requests.Session()
session.headers["Authorization"] = "Bearer " + KEY
for number in range(3):
    session.get("{URL}/v1/refunds/%s-%d" % (sys.argv[1], number), timeout=20).raise_for_status()
answer = session.post("{URL}/v1/payouts", json={{}}, timeout=20)
print("payout:", answer.status_code, answer.text)
"""


@pytest.fixture(autouse=True)
def programs() -> None:
    """Skipped only where what the scenarios run isn't installed; never in CI."""
    if not PYTHON.exists():
        assert not os.environ.get("CI"), "missing: .venv-clients"
        pytest.skip("not installed: .venv-clients (run scripts/setup-clients)")


def told_apart(exeat: Exeat, origin: Origin, missions: dict[str, str], agents: dict[str, str]) -> None:
    """Per name (which is in its paths): every record and every tag is of its own mission, and no token was shared."""
    assert len(set(missions.values())) == len(missions)
    tokens: dict[str, set[str]] = {}
    for seen in origin.requests:
        name = seen.path.rpartition("/")[2].partition("-")[0]
        assert seen.one("exeat-mission") == missions[name]
        assert seen.one("exeat-agent").rpartition("/")[2] == agents[name]
        tokens.setdefault(name, set()).add(seen.one("authorization"))
    assert set(tokens) == set(missions)
    assert not set.intersection(*tokens.values()), "a token served two missions"
    connections = [{id(seen.connection) for seen in origin.requests if f"/{name}-" in seen.path} for name in missions]
    assert not set.intersection(*connections), "a connection served two missions"
    for name, mission in missions.items():
        records = exeat.audit_records("decision", mission=mission)
        assert {record["agent"].rpartition("/")[2] for record in records} == {agents[name]}
        permitted = [record["path"] for record in records if record["decision"] == "permit"]
        assert permitted == [f"/v1/refunds/{name}-{number}" for number in range(3)]
        assert [record["code"] for record in records if record["decision"] == "deny"] == ["policy_denied"]
    assert SHARED_KEY.encode() not in origin.raw()


def test_a_cron_script_with_a_key_in_its_source_runs_for_two_missions_at_once(
    exeat: Exeat, mission: dict[str, Any], origin: Origin, tmp_path: Path
) -> None:
    script = tmp_path / "cron.py"
    script.write_text(CRON)
    agents = {"north": "invoice-bot", "south": "report-bot"}

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return exeat.cli(
            "run", "--mission", "refunds", "--agent", agents[name], "--", str(PYTHON), str(script), name, limit=60
        )

    with ThreadPoolExecutor(2) as pool:
        ran = dict(zip(agents, pool.map(run, agents), strict=True))
    for done in ran.values():
        assert done.returncode == 0, done.stdout + done.stderr
        assert "payout: 403" in done.stdout
        assert "policy_denied" in done.stdout
    missions = {name: _mission_of(origin, name) for name in agents}
    told_apart(exeat, origin, missions, agents)
    states = {name: exeat.admin("GET", f"/v1/missions/{opened}").ok()["state"] for name, opened in missions.items()}
    assert set(states.values()) == {"closed"}, "exeat run closes what it opened"


def _mission_of(origin: Origin, name: str) -> str:
    return next(seen.one("exeat-mission") for seen in origin.requests if f"/{name}-" in seen.path)


@pytest.fixture
def platform(tmp_path: Path, exeat: Exeat, origin: Origin, mission: dict[str, Any]) -> Any:
    """Run the vendor's platform with these jobs; its answers by job."""

    def run(jobs: list[dict[str, Any]]) -> dict[str, list[Any]]:
        file = tmp_path / "jobs.json"
        file.write_bytes(orjson.dumps(jobs))
        script = Path(__file__).parent / "scripts" / "vendor_platform.py"
        done = subprocess.run(
            [str(PYTHON), str(script), str(file)], env=clean_environment(), text=True, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return {job["name"]: job["answers"] for job in map(orjson.loads, done.stdout.splitlines())}

    return run


def job(name: str, opened: dict[str, Any], key: str, *more: list[str]) -> dict[str, Any]:
    """What an operator types into the platform's two fields, and what the agent then does."""
    calls = [["GET", f"{URL}/v1/refunds/{name}-{number}"] for number in range(3)]
    return {"name": name, "proxy": opened["env"]["HTTPS_PROXY"], "key": key, "roots": opened["ca_file"],
            "calls": [*calls, *more]}  # fmt: skip


def test_a_vendor_platform_that_can_only_change_proxy_and_key_is_told_apart(
    exeat: Exeat, origin: Origin, platform: Any
) -> None:
    agents = {"east": "invoice-bot", "west": "report-bot"}
    opened = {name: exeat.open(agent=agent) for name, agent in agents.items()}
    payout = ["POST", f"{URL}/v1/payouts"]
    said = platform(
        [
            job("east", opened["east"], opened["east"]["placeholders"]["example"], payout),
            job("west", opened["west"], SHARED_KEY, payout),  # this customer never changed the old key
        ]
    )
    for answers in said.values():
        assert [status for status, _ in answers] == [200, 200, 200, 403]
        assert answers[-1][1]["code"] == "policy_denied"
    told_apart(exeat, origin, {name: each["mission"] for name, each in opened.items()}, agents)


def test_one_customers_key_is_of_no_use_behind_anothers_proxy_url(exeat: Exeat, origin: Origin, platform: Any) -> None:
    east, west = exeat.open(agent="invoice-bot"), exeat.open(agent="report-bot")
    said = platform([job("east", east, west["placeholders"]["example"])])
    assert {answer["code"] for _, answer in said["east"]} == {"credential_foreign"}
    assert not origin.requests


def test_ending_one_customers_mission_leaves_the_other_at_work(exeat: Exeat, origin: Origin, platform: Any) -> None:
    east, west = exeat.open(agent="invoice-bot"), exeat.open(agent="report-bot")
    exeat.end(east)
    said = platform([job("west", west, SHARED_KEY)])
    assert [status for status, _ in said["west"]] == [200, 200, 200]
    ended = platform([job("east", east, SHARED_KEY)])
    assert {answer["code"] for _, answer in ended["east"]} == {"mission_ended"}
