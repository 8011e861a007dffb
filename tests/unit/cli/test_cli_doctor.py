"""`exeat doctor`: each row that failed says how to mend it, and the exit code says whether one did."""

from __future__ import annotations

import socket

import orjson
import pytest


@pytest.fixture(autouse=True)
def no_clients(monkeypatch):
    """What is on this machine's PATH is test_cli_clients' business."""
    monkeypatch.setattr("exeat.cli.checkup.clients", lambda: iter(()))


@pytest.fixture
def rows(exeat):
    def run(*arguments):
        code, out, _ = exeat("doctor", "--json", *arguments)
        data = orjson.loads(out)
        assert (code == 0) is data["ok"]
        assert all(
            check["fix"] for check in data["checks"] if check["state"] == "fail" and check["name"] != "listeners"
        )
        return {check["name"]: check for check in data["checks"]}

    return run


@pytest.fixture
def quiet(folder, monkeypatch):
    """A free port for the proxy, so that whatever else runs here doesn't matter."""
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    file = folder / "exeat.toml"
    file.write_text(f'proxy = {{ listen = ["http://127.0.0.1:{port}"] }}\n' + file.read_text())
    return folder


def test_a_fresh_folder_has_nothing_wrong(quiet, rows):
    found = rows()
    assert {name for name, check in found.items() if check["state"] == "fail"} == set()
    assert found["configuration"]["state"] == "ok"
    assert found["admin"]["state"] == "skip"


def test_people_get_a_table(quiet, exeat):
    code, out, _ = exeat("doctor")
    assert code == 0
    assert "✓ ok" in out


def test_a_broken_configuration_is_a_row_and_the_rest_still_runs(folder, rows):
    (folder / "exeat.toml").write_text("x = 1")
    found = rows()
    assert found["configuration"]["state"] == "fail"
    assert {"python", "clock", "egress"} <= set(found)


def test_tls_keys_written_out_fail(quiet, rows, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", "/tmp/x")
    assert rows()["environment"]["fix"] == "unset SSLKEYLOGFILE"


def test_files_that_others_can_read_fail_with_the_command_that_mends_it(quiet, rows):
    state = quiet / "state"
    state.mkdir(mode=0o700)
    (state / "ca.key").write_text("x")
    (state / "ca.key").chmod(0o644)
    assert rows()["state"]["fix"] == f"chmod 600 {state / 'ca.key'}"
    (state / "ca.key").chmod(0o600)
    state.chmod(0o777)
    assert rows()["state"]["fix"] == f"chmod 700 {state}"


def test_a_certificate_that_is_none_fails(quiet, rows, exeat):
    (quiet / "state").mkdir(mode=0o700)
    (quiet / "state/ca.pem").write_text("nonsense")
    code, out, _ = exeat("doctor", "--json")
    assert code == 1
    assert any(check["name"] == "certificate" and check["state"] == "fail" for check in orjson.loads(out)["checks"])


def test_something_else_on_the_port_fails(quiet, rows):
    with socket.create_server(("127.0.0.1", 0)) as server:
        file = quiet / "exeat.toml"
        text = file.read_text()
        start = text.index("http://127.0.0.1:") + len("http://127.0.0.1:")
        file.write_text(text.replace(text[start : text.index('"', start)], str(server.getsockname()[1]), 1))
        found = rows()["proxy"]
    assert found["state"] == "fail"


def test_our_own_proxy_is_told_from_a_stranger_by_the_token(site, stub, exeat):
    def admin():
        checks = orjson.loads(exeat("doctor", "--json")[1])["checks"]
        return next(check["state"] for check in checks if check["name"] == "admin")

    assert admin() == "fail"
    stub.answers["GET", "/v1/status"] = (200, {"status": "ok"})
    assert admin() == "ok"
