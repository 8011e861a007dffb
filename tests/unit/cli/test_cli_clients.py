"""`exeat doctor` names clients that would ignore the proxy or our certificate, each with what to do."""

from __future__ import annotations

import sys

import orjson
import pytest

from exeat.cli.clients import clients


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose PATH holds just these programs: name → what its script does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", str(folder))

    def make(**programs):
        for name, script in programs.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)
        return {row.name: row for row in clients()}

    return make


def test_a_machine_without_clients_has_no_rows(machine):
    assert machine() == {}


@pytest.mark.parametrize(
    ("program", "script", "state", "text"),
    [
        ("curl", 'echo "curl 8 (x) libcurl/8 OpenSSL/3.0 zlib"', "ok", "OpenSSL"),
        ("curl", "exit 3", "ok", "unknown"),
        ("git", "exit 1", "ok", "407"),
        ("git", "echo http://elsewhere:3128", "warn", "http.proxy"),
        ("wget", "exit 0", "ok", "WGETRC"),
        ("node", '[ "$1" = --use-env-proxy ] && exit 9; echo v20.20.2', "warn", "v20.20.2"),
        ("node", "echo v24.1.0", "ok", "NODE_USE_ENV_PROXY"),
        ("npm", "echo null", "ok", "npm_config_cafile"),
        ("npm", "echo http://elsewhere:3128", "warn", "https-proxy"),
        ("java", "exit 0", "warn", "407"),
        ("go", "exit 0", "ok", "names of this machine"),
        ("deno", "exit 0", "ok", "DENO_CERT"),
        ("chromium", "exit 0", "warn", "pass"),
        ("google_chrome", "exit 0", "warn", "pass"),
    ],
)
def test_each_client_is_told_with_its_fix(machine, program, script, state, text):
    (row,) = machine(**{program: script}).values()
    assert row.name == f"client {program.replace('_', '-')}"
    assert row.state == state
    assert text in row.detail
    assert bool(row.fix) == (state == "warn")


def test_packages_of_the_python_on_path_are_looked_at(machine):
    installed = {"stripe": "16.1.0", "aiohttp": "3.14.5", "websockets": "14.2", "requests": "2"}
    rows = machine(python3=f"echo '{orjson.dumps(installed).decode()}'")
    assert set(rows) == {"python stripe", "python aiohttp", "python websockets"}
    assert "ca_bundle_path" in rows["python stripe"].fix
    assert "trust_env" in rows["python aiohttp"].fix


def test_a_package_that_has_learnt_it_is_not_named(machine):
    assert machine(python3="""echo '{"websockets": "15.0.1"}'""") == {}


def test_the_real_python_can_be_asked(machine):
    rows = machine(python3=f'exec {sys.executable} "$@"')
    assert "python aiohttp" in rows


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '[1]'"])
def test_a_python_that_says_nothing_sensible_is_passed_over(machine, script):
    assert machine(python3=script) == {}


def test_a_node_package_with_an_agent_of_its_own_is_named(machine, tmp_path):
    (tmp_path / "work/node_modules/stripe").mkdir(parents=True)
    assert "createFetchHttpClient" in machine()["node stripe"].fix
