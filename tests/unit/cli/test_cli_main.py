"""The entry: quick help, one block for every error, an exit code with one meaning."""

from __future__ import annotations

import subprocess
import sys

import pytest

from exeat import __version__
from exeat.cli import config as config_verbs
from exeat.cli.main import main
from exeat.errors import ConfigurationError, Finding, PolicyError, StartError, UnavailableError

HEAVY = ("pydantic", "mitmproxy", "cedarpy", "sqlalchemy", "aiohttp", "rich", "cryptography", "asyncio")


def test_help_imports_nothing_heavy():
    script = f"import sys, exeat.cli.main as m; m.main(['--help']); print([x for x in {HEAVY!r} if x in sys.modules], file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert result.stderr.strip() == "[]"
    assert "Exit codes" in result.stdout


def test_version_loads_nothing_heavy():
    """What makes it quick, whatever the machine is doing."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "exeat.cli.main", "--version"], capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert result.stdout == f"exeat {__version__}\n"
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & {
        "mitmproxy",
        "aiohttp",
        "sqlalchemy",
        "alembic",
        "asyncpg",
        "cedarpy",
        "pydantic",
        "rich",
        "OpenSSL",
    }


@pytest.mark.parametrize("words", [[], ["--help"], ["mission", "--help"], ["run", "--help"], ["policy", "--help"]])
def test_every_help_is_there(exeat, words):
    code, out, err = exeat(*words)
    assert "Usage: exeat" in out + err
    assert code == (0 if words else 2)


@pytest.mark.parametrize(
    "words", [["whi"], ["mission", "show"], ["--nonsense"], ["audit", "tail", "-n", "x"], ["why", "a", "b"]]
)
def test_a_wrong_command_line_is_usage(folder, exeat, words):
    code, out, _ = exeat(*words)
    assert (code, out) == (2, "")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (StartError("the port is used", "stop the other"), 2, ["the port is used", "fix: stop the other"]),
        (UnavailableError("the store is gone"), 6, ["the store is gone"]),
        (ConfigurationError([Finding("a.toml", "is wrong", 3, 4, "x.y", "mend it")]), 2, ["a.toml:3:4: error: x.y: is wrong", "fix: mend it"]),
        (PolicyError([Finding("p.cedar", "one", 1), Finding("p.cedar", "two", 2)]), 3, ["p.cedar:1: error: one", "p.cedar:2: error: two"]),
    ],
)  # fmt: skip
def test_every_error_of_ours_is_one_block_on_stderr(exeat, monkeypatch, error, code, words):
    def fail(_):
        raise error

    monkeypatch.setattr(config_verbs, "_check", fail)
    result, out, err = exeat("config", "check")
    assert (result, out) == (code, "")
    for word in words:
        assert word in err
    assert "\x1b" not in err


def test_an_unexpected_error_shows_neither_traceback_nor_values(exeat, monkeypatch):
    def fail(_):
        raise RuntimeError("SENTINEL")

    monkeypatch.setattr(config_verbs, "_check", fail)
    code, out, err = exeat("config", "check")
    assert (code, out) == (1, "")
    assert "RuntimeError" in err
    assert "Traceback" not in err
    monkeypatch.setenv("EXEAT_DEBUG", "1")
    _, _, err = exeat("config", "check")
    assert "test_cli_main.py" in err
    assert "SENTINEL" not in err.replace('raise RuntimeError("SENTINEL")', "")


def test_ctrl_c_ends_as_a_shell_expects(exeat, monkeypatch):
    def fail(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(config_verbs, "_check", fail)
    assert exeat("config", "check")[0] == 130


def test_a_reader_that_went_away_causes_no_noise():
    script = "import sys; from exeat.cli.main import main; sys.exit(main(['config', 'schema']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 1
    assert error == b""


def test_main_never_raises_for_odd_arguments():
    for words in (["\udce9"], ["mission", "show", "\udce9"], ["-c"], [""]):
        assert isinstance(main(words), int)
