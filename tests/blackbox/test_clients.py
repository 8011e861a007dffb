"""Real, unchanged clients: each works through the proxy with nothing but the mission's environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
from pathlib import Path

import httpx
import pytest
import requests

from rig.config import SHARED_KEY
from rig.proxy import clean_environment

URL = "https://api.example.test"
KEY = {"Authorization": f"Bearer {SHARED_KEY}"}
CURL = shutil.which("curl")
curl_h2 = CURL is not None and "HTTP2" in subprocess.run([CURL, "--version"], capture_output=True, text=True).stdout

URLLIB = """
import json, sys, urllib.request, urllib.error
request = urllib.request.Request(sys.argv[1], headers={"Authorization": sys.argv[2]}, method=sys.argv[3])
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@pytest.fixture
def env(mission, monkeypatch):
    """The variables that opening the mission returned, in this process."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in mission["env"].items():
        monkeypatch.setenv(name, value)
    return clean_environment() | mission["env"]


def _checked(exeat, mission, origin, version):
    """What every client's success looks like at the origin: a scoped token, one tag, never the shared key."""
    seen = origin.last
    assert seen.version == version
    assert seen.claims is not None
    assert seen.claims["sub"] == mission["agent"]
    assert seen.one("exeat-agent") == mission["agent"]
    assert seen.one("exeat-mission") == mission["mission"]
    assert SHARED_KEY.encode() not in origin.raw()
    assert b"proxy-authorization" not in origin.raw().lower()


@pytest.fixture
def strict(exeat, mission, origin):
    origin.require_jwt(exeat.jwks_url, URL)


def test_requests(exeat, mission, origin, env, strict):
    with requests.Session() as session:
        assert session.get(f"{URL}/v1/refunds", headers=KEY, timeout=10).status_code == 200
        _checked(exeat, mission, origin, "HTTP/1.1")
        refused = session.post(f"{URL}/v1/payouts", headers=KEY, json={"amount": 1}, timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")
        elsewhere = session.get("https://evil.example.test/", timeout=10)
        assert elsewhere.json()["code"] == "destination_not_allowed"


@pytest.mark.parametrize("http2", [False, True])
def test_httpx(exeat, mission, origin, env, strict, http2):
    with httpx.Client(http2=http2) as client:
        assert client.get(f"{URL}/v1/refunds", headers=KEY).status_code == 200
        _checked(exeat, mission, origin, "HTTP/2" if http2 else "HTTP/1.1")
        assert client.post(f"{URL}/v1/refunds", headers=KEY, json={"amount": 1}).status_code == 201
        refused = client.post(f"{URL}/v1/payouts", headers=KEY, json={"amount": 1})
        assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")


async def test_httpx_concurrently_over_one_http2_connection(exeat, mission, origin, env, strict):
    import asyncio

    async with httpx.AsyncClient(http2=True) as client:
        answers = await asyncio.gather(*(client.get(f"{URL}/v1/refunds/{n}", headers=KEY) for n in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len(origin.requests) == 20


@pytest.mark.parametrize(
    "version",
    ["--http1.1", pytest.param("--http2", marks=pytest.mark.skipif(not curl_h2, reason="curl without HTTP/2"))],
)
@pytest.mark.skipif(CURL is None, reason="no curl")
def test_curl(exeat, mission, origin, env, strict, version):
    def curl(*arguments):
        done = subprocess.run(
            [CURL, "-sS", version, "-w", "\n%{http_code}", "-m", "10", *arguments],
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        body, _, code = done.stdout.rpartition("\n")
        return int(code), body

    bearer = ("-H", f"Authorization: Bearer {SHARED_KEY}")
    assert curl(*bearer, f"{URL}/v1/refunds")[0] == 200
    _checked(exeat, mission, origin, "HTTP/2" if version == "--http2" else "HTTP/1.1")
    assert curl(*bearer, "-d", "{}", f"{URL}/v1/refunds")[0] == 201
    status, body = curl(*bearer, "-d", "{}", f"{URL}/v1/payouts")
    assert status == 403
    assert json.loads(body)["code"] == "policy_denied"  # noqa: TID251


def test_urllib(exeat, mission, origin, env, strict, tmp_path):
    def run(url, method):
        done = subprocess.run(
            [sys.executable, "-c", URLLIB, url, f"Bearer {SHARED_KEY}", method], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(f"{URL}/v1/refunds", "GET").startswith("200")
    _checked(exeat, mission, origin, "HTTP/1.1")
    assert "policy_denied" in run(f"{URL}/v1/payouts", "POST")


def test_exeat_run_gives_a_child_everything_and_closes_the_mission(exeat, mission, origin):
    child = f"import requests; r = requests.get('{URL}/v1/refunds', timeout=10); print('answered', r.status_code)"
    done = exeat.cli("run", "--mission", "refunds", "--agent", "report-bot", "--", sys.executable, "-c", child)
    assert (done.returncode, "answered 200" in done.stdout) == (0, True), done.stderr
    opened = origin.last.one("exeat-mission")
    assert exeat.admin("GET", f"/v1/missions/{opened}").ok()["state"] == "closed"
    assert exeat.cli("run", "--mission", "refunds", "--agent", "report-bot", "--", "sh", "-c", "exit 7").returncode == 7
    assert exeat.cli("run", "--mission", "nonsense", "--agent", "report-bot", "--", "true").returncode == 125


def test_exeat_run_hides_the_real_key_from_the_child(exeat, mission):
    done = exeat.cli("run", "--mission", "refunds", "--agent", "invoice-bot", "--", "env", EXAMPLE_KEY=SHARED_KEY)
    assert SHARED_KEY not in done.stdout + done.stderr
    assert f"EXAMPLE_KEY={mission['placeholders']['example']}" in done.stdout


def test_every_trust_variable_names_a_file_that_exists(mission):
    files = [value for name, value in mission["env"].items() if value.startswith("/")]
    assert len(files) > 5
    assert all(Path(file).is_file() for file in files)
    assert urllib.error is not None
