"""The demo is true: it says ✓ only for what happened, shows no secret, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exeat.demo import legacy_bot
from exeat.demo.show import Show
from rig.proxy import clean_environment

DEMO = [sys.executable, "-m", "exeat.cli.main", "demo"]


def _run(tmp_path, *arguments, limit=60, **environ):
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, timeout=limit, cwd=tmp_path,
        env=clean_environment() | {"TMPDIR": str(tmp_path)} | environ,
    )  # fmt: skip


def _processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in str((process / "cwd").readlink()):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_it_succeeds_in_less_than_a_minute_and_leaves_nothing(tmp_path):
    done = _run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert done.stdout.count("✓") >= 15
    assert "treasury team" in done.stdout
    assert legacy_bot.API_KEY not in done.stdout
    assert "eyJ" not in done.stdout, "a token is shown"
    assert list(tmp_path.iterdir()) == []
    assert _processes_in(tmp_path) == []


def test_it_speaks_plainly_where_it_must(tmp_path):
    done = _run(tmp_path, PYTHONIOENCODING="ascii", NO_COLOR="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT" not in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_keep_leaves_it_running_until_it_is_told_to_end(tmp_path, sent):
    process = subprocess.Popen(
        [*DEMO, "--keep"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
        env=clean_environment() | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        deadline, said = time.monotonic() + 50, ""
        while "Ctrl-C ends it" not in said:
            assert time.monotonic() < deadline, said
            line = process.stdout.readline()
            assert line, said
            said += line
        assert _processes_in(tmp_path)
        process.send_signal(sent)
        assert process.wait(20) in {0, 143, 130}
    finally:
        process.kill()
        process.wait(5)
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_does_not_hold_fails_the_whole(capsys):
    show = Show()
    with show.step("a step"):
        show.claim(True, "this held")
        raise ValueError("and this broke")
    show.result(0.1)
    assert not show.ok
    assert "Not all of it happened" in capsys.readouterr().out


def test_the_bot_runs_without_anything_but_the_standard_library(tmp_path):
    """It prefers requests; an interpreter without it still runs the story."""
    blocked = "import sys; sys.modules['requests'] = None; import runpy; sys.argv[1:] = ['list']; "
    code = blocked + f"runpy.run_path({legacy_bot.__file__!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment(), timeout=30
    )
    assert "api.acme.test" in done.stderr or "URLError" in done.stderr
    assert "requests" not in done.stderr.replace("urllib.request", "").replace("requests'] = None", "")
