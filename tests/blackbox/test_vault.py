"""A real Vault server (OpenBao) issues what the origins see, and refuses anything wider itself; it ends with the mission."""

from __future__ import annotations

import base64
import os
import subprocess
import time

import orjson
import pytest

from rig.config import operation, service
from rig.postgres import PASSWORD
from rig.wire import ask, refused
from servers.openbao.launch import ROOT, OpenBao, missing
from servers.strict_origin import Origin

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

ECHO = (operation("GET /echo", "items/list", "read"), operation("POST /echo", "items/create", "write"))
SECRET_ID = "env:VAULT_SECRET_ID"
WORKERS = int(os.environ.get("RIG_WORKERS", "1"))
KEPT = "kv-canary-5d81c07e22"


def issued(bao: OpenBao, role: str, *policies: str, **more: object) -> dict[str, object]:
    table = {
        "kind": "vault",
        "server": bao.url,
        "role": role,
        "audience": "bao",
        "policies": list(policies),
        "ttl": "60s",
    }
    return {key: value for key, value in (table | more).items() if value is not None}


@pytest.fixture(scope="module")
def bao(authority, postgres, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bao")
    with OpenBao(folder, authority.files(folder, "vault.example.test")) as running:
        running.call("POST", "sys/auth/jwt", {"type": "jwt"})
        running.call("POST", "sys/auth/approle", {"type": "approle"})
        running.call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        running.call("POST", "secret/data/agent-a/slack", {"data": {"token": KEPT}})
        running.call("POST", "secret/data/agent-b/slack", {"data": {"token": "another"}})
        running.call("POST", "old/slack", {"value": f"v1-{KEPT}"})
        database = postgres.database().rpartition("/")[2]
        running.postgres("127.0.0.1", postgres.port, postgres.user, PASSWORD, database)
        running.policy("agent-a", "secret/data/agent-a/*")
        running.policy("both", "secret/data/+/*")
        running.policy("minter", "auth/token/create")
        running.policy("dba", "database/creds/ro", "sys/leases/renew", "sys/leases/revoke")
        running.policy("old", "old/*")
        running.call("POST", "auth/approle/role/exeat", {"token_policies": ["dba"], "token_ttl": "60s"})
        running.call("POST", "sys/mounts/pki", {"type": "pki"})
        root = running.call("POST", "pki/root/generate/internal", {"common_name": "agents of the rig", "ttl": "1h"})
        (folder / "agents-ca.pem").write_text(root["data"]["certificate"])
        names = {"allowed_domains": "agents.test", "allow_subdomains": True, "client_flag": True, "max_ttl": "5m"}
        running.call("POST", "pki/roles/agent", names)
        running.policy("certified", "pki/issue/agent")
        running.database = database
        yield running


@pytest.fixture(scope="module")
def mutual(authority, bao):
    """An origin that lets in whoever the Vault server's own authority has certified."""
    with Origin(authority, "mutual.example.test", clients=bao.folder / "agents-ca.pem") as running:
        yield running


@pytest.fixture(scope="module")
def config(config, bao, mutual):
    role = bao.call("GET", "auth/approle/role/exeat/role-id")["data"]["role_id"]
    config.environ["VAULT_SECRET_ID"] = bao.call("POST", "auth/approle/role/exeat/secret-id")["data"]["secret_id"]
    del config.policies["site.cedar"]
    basic = {"in": "basic"}
    names = {
        "db": ({"issue": "dynamic", "path": "database/creds/ro"}, ("agent", "dba"), basic),
        "role": (
            {"issue": "dynamic", "path": "database/creds/ro", "login": "approle", "secret_id": SECRET_ID},
            (role, "dba"), basic,
        ),
        "kept": ({"issue": "kv", "path": "secret/agent-a/slack", "field": "token"}, ("reader", "agent-a"), None),
        "old": ({"issue": "kv", "path": "old/slack"}, ("old", "old"), None),
        "wide": ({}, ("wide", "agent-a"), None),
        "long": ({}, ("long", "agent-a"), None),
    }  # fmt: skip
    for name, (more, (who, *policies), place) in names.items():
        host = f"{name}.example.test"
        table = service(name, host, *ECHO, issuer=issued(bao, who, *policies, **more))
        config.tables["service"].append(table if place is None else table | {"credential": place})
        config.allow(host)
    api = service(
        "api",
        "vault.example.test",
        operation("GET /v1/secret/data/{agent}/{name}", "secret/read", "read"),
        operation("POST /v1/secret/data/{agent}/{name}", "secret/write", "write"),
        issuer=issued(bao, "minter", "minter", "agent-a", "both", scopes={"secret/read": "agent-a"}),
        credential={"in": "header", "name": "X-Vault-Token"},
    )
    config.tables["service"].append(api)
    config.allow("vault.example.test", local=bao.tls_port)
    certified = {"issue": "certificate", "path": "pki/issue/agent", "common_name": "{agent}.agents.test"}
    issuer = issued(bao, "certified", "certified", **certified)
    place = {"in": "client_certificate"}
    config.tables["service"].append(service("mutual", mutual.host, *ECHO, issuer=issuer, credential=place))
    config.allow(mutual.host, local=mutual.port)
    config.template["operations"] = [f"{name}:*" for name in ("api", "mutual", *names)]
    return config


@pytest.fixture(scope="module", autouse=True)
def _roles(exeat, bao):
    """Once our keys are published the server can be told to trust them."""
    bao.trusts(exeat.admin_url)
    bao.jwt_role("agent", "bao", "dba")
    bao.jwt_role("minter", "bao", "minter", "agent-a", "both")
    bao.jwt_role("reader", "bao", "agent-a")
    bao.jwt_role("old", "bao", "old")
    bao.jwt_role("certified", "bao", "certified")
    bao.jwt_role("wide", "bao", "agent-a", "both")
    bao.jwt_role("long", "bao", "agent-a", token_ttl="1h", token_max_ttl="2h")


def pair(seen) -> tuple[str, str]:
    scheme, _, encoded = seen.one("authorization").partition(" ")
    assert scheme == "Basic"
    user, _, password = base64.b64decode(encoded).decode().partition(":")
    return user, password


def logs_in(postgres, bao, user: str, password: str) -> bool:
    """Whether PostgreSQL lets a login in."""
    command = [
        postgres._bin / "psql",
        "-h",
        "127.0.0.1",
        "-p",
        str(postgres.port),
        "-U",
        user,
        "-d",
        bao.database,
        "-Atc",
        "SELECT 1",
    ]
    done = subprocess.run(command, env={"PGPASSWORD": password}, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 or "authentication failed" in done.stderr, done.stderr
    return done.returncode == 0


def outcome(exeat, mission):
    return exeat.audit_records("outcome", mission=mission["mission"])[-1]


@pytest.mark.parametrize(("host", "verb"), [("db", "revoke"), ("role", "close")])
def test_a_database_login_lives_as_long_as_its_mission(exeat, mission, origin, bao, postgres, host, verb):
    """Made for this mission, used again by its next request, and PostgreSQL refuses it when the mission's end returns."""
    for _ in range(4):
        assert ask(exeat, mission, "GET", "/echo", host=f"{host}.example.test").status == 200
    made = {pair(seen) for seen in origin.requests}
    assert len(made) <= WORKERS
    assert all(logs_in(postgres, bao, *each) for each in made)
    record = outcome(exeat, mission)["credential"]
    assert (record["grade"], record["token"][:3]) == ("B", "vt-")
    figures = exeat.end(mission, verb)
    assert figures["applied"]["tokens_revoked"] == len(made), figures
    assert not any(logs_in(postgres, bao, *each) for each in made)


def test_each_mission_has_a_login_of_its_own(exeat, mission, origin, bao, postgres):
    other = exeat.open(agent="report-bot")
    pairs = []
    for each in (mission, other):
        assert ask(exeat, each, "GET", "/echo", host="db.example.test").status == 200
        pairs.append(pair(origin.last))
    assert pairs[0] != pairs[1]
    exeat.end(mission)
    assert [logs_in(postgres, bao, *each) for each in pairs] == [False, True]


@pytest.mark.guard("vault-revoke")
def test_the_server_itself_refuses_another_path(exeat, mission, bao):
    """The login may read both agents' secrets; the token for this operation has one policy, and OpenBao keeps to it."""
    read = ask(exeat, mission, "GET", "/v1/secret/data/agent-a/slack", host="vault.example.test")
    assert read.status == 200, read.body
    assert orjson.loads(read.body)["data"]["data"]["token"] == KEPT
    wider = ask(exeat, mission, "GET", "/v1/secret/data/agent-b/slack", host="vault.example.test")
    assert wider.status == 403
    assert b"permission denied" in wider.body
    assert outcome(exeat, mission)["credential"]["grade"] == "A"
    live = len(bao.call("LIST", "auth/token/accessors")["data"]["keys"])
    revoked = exeat.end(mission)["applied"]["tokens_revoked"]
    assert 1 <= revoked <= WORKERS
    # Each with the login above it.
    assert len(bao.call("LIST", "auth/token/accessors")["data"]["keys"]) == live - 2 * revoked


def test_an_operation_without_policies_gets_no_token(exeat, mission, bao):
    answer = ask(exeat, mission, "POST", "/v1/secret/data/agent-a/slack", host="vault.example.test")
    refused(answer, "token_unavailable", status=503)


def test_more_policies_than_asked_are_refused(exeat, mission, origin):
    refused(ask(exeat, mission, "GET", "/echo", host="wide.example.test"), "token_too_wide", status=503)
    assert origin.requests == []


def test_a_longer_life_than_asked_is_refused_and_given_back(exeat, mission, origin, bao):
    before = len(bao.call("LIST", "auth/token/accessors")["data"]["keys"])
    refused(ask(exeat, mission, "GET", "/echo", host="long.example.test"), "token_too_wide", status=503)
    assert origin.requests == []
    deadline = time.monotonic() + 10
    while len(bao.call("LIST", "auth/token/accessors")["data"]["keys"]) > before:
        assert time.monotonic() < deadline, "the refused token lives on"
        time.sleep(0.05)


@pytest.mark.parametrize(("host", "value"), [("kept", KEPT), ("old", f"v1-{KEPT}")])
def test_a_stored_value_is_custody_and_nothing_more(exeat, mission, origin, host, value):
    """Of either version of the KV engine: grade C, and named as living on when its mission ends."""
    assert ask(exeat, mission, "GET", "/echo", host=f"{host}.example.test").status == 200
    assert origin.last.one("authorization") == f"Bearer {value}"
    assert outcome(exeat, mission)["credential"]["grade"] == "C"
    figures = exeat.end(mission)
    assert figures["applied"]["tokens_revoked"] == 0, figures


def test_a_role_that_does_not_take_our_word_gives_nothing(exeat, mission, origin, bao):
    """The role is bound to what our word says: another environment's agents get no login."""
    bao.jwt_role("agent", "bao", "dba", bound_claims={"sub": "spiffe://*/env/staging/agent/*"})
    try:
        refused(ask(exeat, mission, "GET", "/echo", host="db.example.test"), "token_unavailable", status=503)
        assert origin.requests == []
    finally:
        bao.jwt_role("agent", "bao", "dba")


def test_a_frozen_server_refuses_in_time_and_recovers(exeat, mission, origin, bao):
    bao.freeze(True)
    try:
        started = time.monotonic()
        refused(ask(exeat, mission, "GET", "/echo", host="db.example.test"), "token_unavailable", status=503)
        assert time.monotonic() - started < 6
        assert origin.requests == []
    finally:
        bao.freeze(False)
    deadline = time.monotonic() + 20
    served = 0
    while served < 3 * WORKERS:  # each worker leaves it alone for itself
        served = served + 1 if ask(exeat, mission, "GET", "/echo", host="db.example.test").status == 200 else 0
        assert time.monotonic() < deadline, "it is left alone for good"
        time.sleep(0.0 if served else 0.1)


def test_no_secret_is_written_down(exeat, mission, origin, bao):
    """Neither tokens, nor what was issued, nor what opens the vault stands in log, audit or store."""
    values = [exeat.config.environ["VAULT_SECRET_ID"], KEPT, ROOT]
    for host in ("db", "role", "kept"):
        assert ask(exeat, mission, "GET", "/echo", host=f"{host}.example.test").status == 200
        if host != "kept":
            values.append(pair(origin.last)[1])
    written = exeat.everything_written() + b"".join(file.read_bytes() for file in exeat.folder.glob("exeat.db*"))
    for value in values:
        assert value.encode() not in written


def test_an_origin_lets_in_the_agent_that_vault_certified(exeat, mission, mutual):
    """A certificate of minutes, with the agent's name and a key of its own, shown in the handshake; each mission has its own."""
    other = exeat.open(agent="report-bot")
    for each in (mission, mission, other):
        assert ask(exeat, each, "GET", "/echo", host=mutual.host).status == 200
    first, again, theirs = mutual.seen
    assert [seen["subject"] for seen in (first, theirs)] == ["invoice-bot.agents.test", "report-bot.agents.test"]
    assert first["serial"] == again["serial"] != theirs["serial"]
    assert outcome(exeat, mission)["credential"]["grade"] == "B"
