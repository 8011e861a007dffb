"""Secrets in the store and at other sources: set, replaced without a restart, sealed at rest, recognised for their overlap."""

from __future__ import annotations

import signal
import subprocess
import time

import orjson
import pytest

from rig.config import operation, service
from rig.proxy import COMMAND, clean_environment
from rig.wire import ask, refused
from servers.openbao.launch import OpenBao, missing

FIRST, SECOND, THIRD = (f"store-canary-{number}-77c0e1d2b3" for number in (1, 2, 3))
FILED, REFILED = "file-canary-1-9a8b7c6d5e", "file-canary-2-9a8b7c6d5e"
ECHO = (operation("GET /echo", "items/list", "read"), operation("POST /echo", "items/create", "write"))


@pytest.fixture(scope="module")
def config(config, tmp_path_factory):
    del config.policies["site.cedar"]
    file = tmp_path_factory.mktemp("kept") / "key"
    file.touch(mode=0o600)
    file.write_text(FILED)
    config.kept = file
    for name, source in (("stored", "store:vendor"), ("filed", f"file:{file}"), ("unset", "store:nobody")):
        host = f"{name}.example.test"
        table = service(name, host, *ECHO, issuer={"kind": "stored_key", "ttl": "60s"}, shared={"source": source})
        config.tables["service"].append(table)
        config.allow(host)
    config.template["operations"] = ["stored:*", "filed:*", "unset:*"]
    return config


def put(exeat, verb: str, name: str, value: str, *options: str, code: int = 0) -> dict:
    """``exeat secret`` as a person or a script has it: the value by stdin."""
    done = subprocess.run(
        [*COMMAND, "secret", verb, name, "--json", *options], input=value + "\n", cwd=exeat.folder, text=True,
        capture_output=True, timeout=30, env=clean_environment() | {"EXEAT_CONFIG": str(exeat.file), "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert value not in done.stdout + done.stderr
    return orjson.loads(done.stdout) if not code else {"stderr": done.stderr}


def sent(exeat, mission, origin, host: str = "stored", *headers: str) -> str:
    """What the origin got for one request."""
    answer = ask(exeat, mission, "GET", "/echo", *headers, host=f"{host}.example.test")
    assert answer.status == 200, answer.body
    return origin.last.one("authorization")


def test_a_secret_that_nobody_has_set_keeps_only_its_service_closed(exeat, mission, origin):
    refused(ask(exeat, mission, "GET", "/echo", host="unset.example.test"), "token_unavailable", status=503)
    assert origin.requests == []


@pytest.mark.guard("secret-used-at-once")
def test_a_new_value_is_used_at_once_by_every_worker(exeat, mission, origin):
    """By requests of missions that had used the old one too."""
    answer = put(exeat, "set", "vendor", FIRST)
    assert (answer["name"], answer["used_by"]) == ("vendor", ["service stored"])
    assert {sent(exeat, mission, origin) for _ in range(4)} == {f"Bearer {FIRST}"}
    put(exeat, "rotate", "vendor", SECOND)
    assert {sent(exeat, mission, origin) for _ in range(8)} == {f"Bearer {SECOND}"}


def test_the_value_before_is_recognised_for_its_overlap(exeat, mission, origin):
    """An agent that still sends it is served with the new one; elsewhere it is refused; once its time is up it is over."""
    put(exeat, "set", "vendor", SECOND)
    put(exeat, "set", "vendor", THIRD, "--overlap", "2s")
    old = f"Authorization: Bearer {SECOND}"
    assert {sent(exeat, mission, origin, "stored", old) for _ in range(4)} == {f"Bearer {THIRD}"}
    assert exeat.audit_records("outcome", mission=mission["mission"])[-1]["credential"]["state"] == "shared"
    misplaced = ask(exeat, mission, "GET", "/echo", f"X-Other: {SECOND}", host="stored.example.test")
    refused(misplaced, "credential_foreign", status=403)
    deadline = time.monotonic() + 20
    while (answer := ask(exeat, mission, "GET", "/echo", old, host="stored.example.test")).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused(answer, "credential_retired", "credential_foreign", status=403)


def test_what_was_replaced_may_not_leave_in_a_body(exeat, mission, origin):
    """It may still open something: the rule for secrets that leave fires as for the new one."""
    put(exeat, "set", "vendor", FIRST)
    put(exeat, "set", "vendor", SECOND)
    answer = ask(exeat, mission, "POST", "/echo", body=f'{{"note": "{FIRST}"}}'.encode(), host="stored.example.test")
    refused(answer, "mission_ended", status=403)
    assert FIRST.encode() not in origin.raw()


def test_a_changed_file_is_read_again_when_it_is_said(exeat, mission, origin, config):
    assert sent(exeat, mission, origin, "filed") == f"Bearer {FILED}"
    config.kept.write_text(REFILED)
    exeat.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while sent(exeat, mission, origin, "filed") != f"Bearer {REFILED}":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sent(exeat, mission, origin, "filed", f"Authorization: Bearer {FILED}") == f"Bearer {REFILED}"
    (record,) = exeat.audit_records("admin", event="secret_changed", source=f"file:{config.kept}")[-1:]
    assert record["by"] == "exeat"


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_secret_of_a_vault_is_followed(make_exeat, origin, tmp_path):
    """Read at the start under a login of its own, and again by the clock; while the vault is down the old value stays."""
    with OpenBao(tmp_path) as bao:
        bao.policy("reader", "secret/data/vendor")
        bao.call("POST", "sys/auth/approle", {"type": "approle"})
        bao.call("POST", "auth/approle/role/exeat", {"token_policies": ["reader"], "token_ttl": "60s"})
        bao.call("POST", "secret/data/vendor", {"data": {"key": FIRST}})
        role = bao.call("GET", "auth/approle/role/exeat/role-id")["data"]["role_id"]
        secret_id = bao.call("POST", "auth/approle/role/exeat/secret-id")["data"]["secret_id"]

        def change(config):
            config.environ["VAULT_SECRET_ID"] = secret_id
            config.tables["secrets"] = {"refresh": "1s", "vault": {
                "server": bao.url, "login": "approle", "role": role, "secret_id": "env:VAULT_SECRET_ID", "policies": ["reader"],
            }}  # fmt: skip
            issuer = {"kind": "stored_key", "ttl": "60s"}
            config.service("example").update(shared={"source": "vault:secret/vendor#key"}, issuer=issuer)

        exeat = make_exeat(origin, change=change).start()
        mission = exeat.open()
        assert sent(exeat, mission, origin, "api") == f"Bearer {FIRST}"
        accessors = len(bao.call("LIST", "auth/token/accessors")["data"]["keys"])
        assert accessors <= 2, "a login that read is kept"
        bao.call("POST", "secret/data/vendor", {"data": {"key": SECOND}})
        deadline = time.monotonic() + 30
        while sent(exeat, mission, origin, "api") != f"Bearer {SECOND}":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert sent(exeat, mission, origin, "api", f"Authorization: Bearer {FIRST}") == f"Bearer {SECOND}"
        bao.stop()
        while not exeat.audit_records("admin", event="secret_unreadable"):
            assert time.monotonic() < deadline + 30
            time.sleep(0.1)
        assert sent(exeat, mission, origin, "api") == f"Bearer {SECOND}"
        exeat.stop()
        with pytest.raises(AssertionError, match="vault:secret/vendor#key"):
            exeat.start()
        for value in (FIRST, SECOND, secret_id):
            assert value.encode() not in exeat.everything_written()


def test_a_removed_secret_is_used_no_more(exeat, mission, origin):
    put(exeat, "set", "vendor", FIRST)
    assert sent(exeat, mission, origin) == f"Bearer {FIRST}"
    removed = exeat.cli("secret", "remove", "vendor", "--reason", "over")
    assert removed.returncode == 0, removed.stderr
    refused(ask(exeat, mission, "GET", "/echo", host="stored.example.test"), "token_unavailable", status=503)
    put(exeat, "rotate", "vendor", SECOND, code=1)  # a name that isn't there
    put(exeat, "set", "vendor", SECOND)


def test_only_an_admin_may_and_nothing_in_a_command_line(exeat):
    token = exeat.admin("POST", "/v1/tokens", {"name": "op", "role": "operator"}).ok()["secret"]
    for method, path, body in (
        ("GET", "/v1/secrets", None),
        ("POST", "/v1/secrets/vendor", {"value": FIRST}),
        ("POST", "/v1/secrets/vendor/remove", {}),
    ):
        assert exeat.admin(method, path, body, token=token).status == 403
    assert exeat.cli("secret", "set", "vendor", FIRST).returncode == 2
    bad = exeat.admin("POST", "/v1/secrets/vendor", {"value": f"{FIRST}\n{SECOND}"})
    assert bad.status == 422
    assert FIRST not in str(bad.body)


def test_a_secret_outlives_a_restart_and_stands_nowhere(exeat, origin):
    """Not in the store's file, not in the log, not in the audit; who set it, when and how often does."""
    put(exeat, "set", "vendor", FIRST)
    put(exeat, "set", "vendor", SECOND)
    exeat.stop()
    exeat.start()
    mission = exeat.open()
    assert sent(exeat, mission, origin) == f"Bearer {SECOND}"
    assert sent(exeat, mission, origin, "stored", f"Authorization: Bearer {FIRST}") == f"Bearer {SECOND}"
    shown = exeat.cli("secret", "list")
    assert "vendor" in shown.stdout
    written = exeat.everything_written() + b"".join(file.read_bytes() for file in exeat.folder.glob("exeat.db*"))
    for value in (FIRST, SECOND, THIRD, FILED, REFILED):
        assert value.encode() not in written
        assert value not in shown.stdout + shown.stderr
    assert exeat.audit_records("admin", event="secret_set", secret="vendor")[-1]["by"] == "admin"
