"""A session of a site with a login form, under our custody: nobody but us ever has password or session cookie."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from node_world import HERE, Ran, need, node_packages, trust_in_browser

from rig.config import operation, service
from rig.wire import ask, refused
from servers.desk import PASSWORD, USER, Desk

HOST = "desk.example.test"
WORKERS = int(os.environ.get("RIG_WORKERS") or 1)
"""Each logs in for itself."""
OPERATIONS = [
    operation("GET /", "home", "read"),
    operation("GET /favicon.ico", "icon", "read"),
    operation("POST /tickets", "tickets/create", "write"),
]


@pytest.fixture(scope="module")
def desk(authority):
    with Desk(authority.server("*.example.test", "localhost", alpn=("http/1.1",))) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, desk):
    here = f"https://localhost:{desk.port}"
    issuer = {
        "kind": "browser_login", "login_url": f"{here}/login", "fields": {"user": "env:DESK_USER", "password": "env:DESK_PASSWORD"},
        "cookie": "sid", "cookies": ["beside"], "success_path": "/", "logout_url": f"{here}/logout",
    }  # fmt: skip
    place = {"in": "cookie", "name": "sid"}
    config.tables["service"].append(
        service("desk", HOST, *OPERATIONS, issuer=issuer, credential=place, cookies="http_only")
    )
    config.template["operations"] += ["desk:read", "desk:write"]
    config.allow(HOST, local=desk.port)
    config.environ |= {"DESK_USER": USER, "DESK_PASSWORD": PASSWORD}
    return config


@pytest.fixture(autouse=True)
def _as_new(desk):
    desk.visits.clear()
    desk.logins, desk.action, desk.fixed = 0, "/session", ""


def sids(desk, mission):
    return {sid for path, by, sid, _ in desk.visits if by == mission["mission"]}


@pytest.mark.guard("login-mission")
def test_each_mission_logs_in_for_itself_once_and_never_sees_its_session(exeat, mission, desk):
    """Lazily, once for all operations and many at once; the cookie of one mission is never sent for another."""
    assert desk.logins == 0
    other = exeat.open(agent="report-bot")
    with ThreadPoolExecutor(4) as pool:
        one = [pool.submit(ask, exeat, mission, *what, host=HOST) for what in (("GET", "/"), ("POST", "/tickets")) * 2]
        answers = [each.result() for each in one]
    answers.append(ask(exeat, other, "GET", "/", host=HOST))
    assert [each.status for each in answers] == [200] * 5
    mine, theirs = sids(desk, mission), sids(desk, other)
    assert desk.logins == len(mine) + len(theirs)
    assert (len(mine) <= WORKERS, len(theirs), mine & theirs) == (True, 1, set())
    for answer in answers:
        whole = repr(answer.headers).encode() + answer.body
        assert not [sid for sid in mine | theirs if sid.encode() in whole], "the page quotes it, and it is covered"
        assert [value.partition("=")[0] for name, value in answer.headers if name == "set-cookie"] == ["theme"]
    assert PASSWORD.encode() not in exeat.everything_written()
    record = exeat.audit_records("outcome", mission=mission["mission"])[-1]
    assert record["credential"]["grade"] == "C"
    assert record["credential"]["token"].startswith("ses-")


def test_a_session_of_ones_own_making_is_refused(exeat, mission, desk):
    assert ask(exeat, mission, "GET", "/", host=HOST).status == 200
    stolen = min(sids(desk, mission))
    refused(ask(exeat, exeat.open(), "GET", "/", f"Cookie: sid={stolen}", host=HOST), "credential_foreign")
    placeholder = mission["placeholders"]["desk"]
    assert ask(exeat, mission, "GET", "/", f"Cookie: a=1; sid={placeholder}", host=HOST).status == 200
    assert stolen in sids(desk, mission)
    assert len(sids(desk, mission)) <= WORKERS


@pytest.mark.guard("login-out")
@pytest.mark.parametrize("verb", ["revoke", "close"])
def test_the_end_of_a_mission_logs_out_at_the_site(exeat, mission, desk, verb):
    for what in ("GET", "/"), ("POST", "/tickets"):
        assert ask(exeat, mission, *what, host=HOST).status == 200
    mine = sids(desk, mission)
    assert mine <= desk.alive
    exeat.end(mission, verb)
    deadline = time.monotonic() + 5
    while mine & desk.alive and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not mine & desk.alive
    assert [path for path, *_ in desk.visits].count("/logout") == len(mine) <= WORKERS


@pytest.mark.guard("login-host")
def test_a_login_that_is_not_as_described_gets_no_password_and_sends_nothing(exeat, mission, desk, decoy):
    """A form that leads to another host never gets the password; a site that gives two missions one session serves one."""
    desk.action = f"https://localhost:{decoy.port}/session"
    refused(ask(exeat, mission, "GET", "/", host=HOST), "token_unavailable", status=503)
    assert not decoy.connections
    assert {path for path, *_ in desk.visits} == {"/login"}
    desk.action, desk.fixed = "/session", "the-same-for-everybody-1"
    assert ask(exeat, mission, "GET", "/", host=HOST).status == 200
    others = [ask(exeat, exeat.open(), "GET", "/", host=HOST) for _ in range(1 if WORKERS == 1 else 8)]
    refused(next(answer for answer in others if answer.status != 200), "token_too_wide", status=503)


def test_a_real_browser_is_logged_in_and_holds_nothing(exeat, mission, desk, tmp_path):
    """Chromium opens the page behind the login at once; neither its cookies nor the page have the session in them."""
    need("chromium", "certutil")
    scripts, home = tmp_path / "scripts", tmp_path / "home"
    home.mkdir()
    shutil.copytree(HERE / "node", scripts)
    (scripts / "node_modules").symlink_to(node_packages() / "node_modules")
    trust_in_browser(home, mission["ca_file"])
    node = scripts / "node_modules" / "node-24" / "bin" / "node"
    environ = {"PATH": "/usr/bin:/bin"} | mission["env"] | {"HOME": str(home)}
    ran = Ran.of([str(node), "desk.mjs", "desk", str(home)], scripts, environ, 90)
    assert ran.code == 0, ran.text[-3000:]
    found = ran.said["result"]
    assert (found["status"], found["title"]) == (200, "Desk")
    mine = sids(desk, mission)
    assert 1 <= len(mine) <= WORKERS
    assert not [sid for sid in mine if sid in ran.text]
    assert {line.partition("=")[0] for line in found["cookies"]} == {"theme"}
    profile = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert not [sid for sid in mine if sid.encode() in profile]
