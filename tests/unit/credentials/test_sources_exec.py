"""Secrets printed by a command: no shell, no environment to speak of, no time to waste, no text of its errors."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from exeat.credentials import command
from exeat.credentials.sources import Sources
from exeat.errors import StartError


def script(folder: Path, body: str) -> str:
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return "exec:./tool"


def load(folder, reference, **environ):
    return Sources(folder, environ).load(reference).reveal()


@pytest.mark.parametrize("body", ["printf sk-123", "echo sk-123", "printf 'sk-123\\r\\n'"])
def test_the_output_is_the_secret(tmp_path, body):
    """One newline at its end doesn't count."""
    assert load(tmp_path, script(tmp_path, body)) == "sk-123"


def test_a_bare_name_is_found_in_the_systems_folders_alone(tmp_path):
    """Not by the caller's PATH, nor in the folder itself."""
    assert load(tmp_path, "exec:printf sk-123", PATH="/nowhere") == "sk-123"
    script(tmp_path, "echo planted")
    with pytest.raises(StartError, match="can't be started"):
        load(tmp_path, "exec:tool", PATH=str(tmp_path))


def test_words_are_quoted_as_in_a_shell_and_no_shell_reads_them(tmp_path):
    """What a shell would run is an argument."""
    assert load(tmp_path, "exec:printf '%s' 'a  b;$(id)`id`|x>y&'") == "a  b;$(id)`id`|x>y&"
    assert load(tmp_path, r'exec:printf "%s" a\ b') == "a b"
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_clean(tmp_path):
    """What a client needs to find its own settings, and nothing else of ours."""
    reference = script(tmp_path, "env | cut -d= -f1 | sort | tr '\\n' ' ' | sed 's/ $//'")
    seen = load(tmp_path, reference, HOME="/h", EXAMPLE_KEY="sk-1", LD_PRELOAD="x", PYTHONPATH="y", USER="u")
    assert set(seen.split(" ")) - {"PWD", "OLDPWD", "SHLVL", "_"} == {"HOME", "LANG", "PATH", "USER"}


def test_it_runs_in_the_configurations_folder_without_input(tmp_path):
    """Relative paths mean the same as with file:."""
    assert load(tmp_path, script(tmp_path, "pwd")) == str(tmp_path)
    assert load(tmp_path, script(tmp_path, "cat; echo done")) == "done"


@pytest.mark.parametrize(
    "body",
    ["exit 3", "echo sk-very-secret; exit 1", "kill -9 $$", "echo sk-very-secret >&2; exit 2", "true", "echo",
     "printf 'a\\nb'", "printf ' sk-very-secret'", "printf '\\377'", "head -c 100000 /dev/zero | tr '\\0' a"],
)  # fmt: skip
def test_a_failure_is_refused_and_shows_nothing(tmp_path, body, capfd):
    """Exit code, empty, several lines, other bytes, too much: the reference is named, the content isn't."""
    reference = script(tmp_path, body)
    with pytest.raises(StartError, match=r"exec:\./tool") as refused:
        load(tmp_path, reference)
    assert refused.value.hint
    assert "very-secret" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("reference", ["exec:", "exec: ", "exec:'", "exec:''", "exec:/no/such/thing", "exec:no-such-command-here", "exec:a\0b", "exec:/etc"])  # fmt: skip
def test_what_is_no_command_is_refused(tmp_path, reference):
    """With a hint."""
    with pytest.raises(StartError) as refused:
        load(tmp_path, reference)
    assert refused.value.hint


@pytest.mark.parametrize("body", ["sleep 30", "echo sk; sleep 30", "sleep 30 & echo sk", "exec >&-; sleep 30", "yes"])
def test_a_late_command_is_ended_with_all_it_started(tmp_path, body, monkeypatch):
    """Also one that closes its output and lives on, or leaves a child that keeps it open."""
    monkeypatch.setattr(command, "_LIMIT", 0.3)
    reference = script(tmp_path, f"echo $$ > {tmp_path}/pid; {body}")
    started = time.monotonic()
    with pytest.raises(StartError, match=r"longer than|more than"):
        load(tmp_path, reference)
    assert time.monotonic() - started < 3
    group = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        members = [
            entry.name for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _group(entry.name) == group and _state(entry.name) != "Z"
        ]  # fmt: skip
        if not members:
            return
        time.sleep(0.02)
    pytest.fail(f"still running: {members}")


def _fields(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", "0", "0"]


def _group(pid):
    return int(_fields(pid)[2])


def _state(pid):
    return _fields(pid)[0]


def test_python_can_be_the_command(tmp_path):
    """An absolute path with arguments."""
    assert load(tmp_path, f"exec:{sys.executable} -c \"print('sk' + '-1')\"") == "sk-1"
