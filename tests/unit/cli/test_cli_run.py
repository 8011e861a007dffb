"""`exeat run`: the command gets the mission and no real credential, and the mission is closed in every case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import orjson
import pytest

from exeat.cli.run import child_environment
from exeat.config.loading import load

RUN = ("run", "--mission", "refunds", "--agent", "invoice-bot")
OPENED = ("POST", "/v1/missions")
CLOSED = ("POST", "/v1/missions/m_01ABC/close")


def calls(stub):
    return [(method, path) for method, path, _, _ in stub.asked]


def python(code):
    return ["--", sys.executable, "-c", code]


def test_the_command_runs_inside_the_mission(site, stub, exeat, monkeypatch):
    monkeypatch.setenv("EXAMPLE_KEY", "real-SENTINEL")
    code, out, err = exeat(*RUN, "--ttl", "5m", *python("import os, json; print(json.dumps(dict(os.environ)))"))
    environment = orjson.loads(out)
    assert code == 0
    assert environment["EXAMPLE_KEY"] == "exeat-ph-example"
    assert environment["HTTPS_PROXY"] == "http://mission:PASS-SENTINEL@127.0.0.1:8080"
    assert environment["PATH"] == os.environ["PATH"]
    assert stub.asked[0][2] == {"template": "refunds", "agents": ["invoice-bot"], "ttl": "5m"}
    assert calls(stub) == [OPENED, CLOSED]
    assert "SENTINEL" not in err
    assert "goes around" in err


def test_real_credentials_ways_around_and_our_own_settings_are_taken_away(site):
    current = {
        "EXAMPLE_KEY": "real", "ALL_PROXY": "x", "no_proxy": "*", "https_proxy": "x", "SSL_CERT_DIR": "/x", "EXEAT_STORE__URL": "x",
        "EXEAT_CONFIG": "x", "HOME": "/home/x", "COPY_OF_KEY": "real",
    }  # fmt: skip
    opened = {"env": {"HTTPS_PROXY": "http://p"}}
    environment = child_environment(current, opened, load(site / "exeat.toml", {}).settings)
    assert environment == {"HOME": "/home/x", "HTTPS_PROXY": "http://p"}


def test_java_keeps_its_own_options_and_ours_come_last(site):
    settings = load(site / "exeat.toml", {}).settings
    opened = {"env": {"JAVA_TOOL_OPTIONS": "-Dours"}}
    assert child_environment({"JAVA_TOOL_OPTIONS": "-Xmx1g"}, opened, settings)["JAVA_TOOL_OPTIONS"] == "-Xmx1g -Dours"
    assert child_environment({}, opened, settings)["JAVA_TOOL_OPTIONS"] == "-Dours"


@pytest.mark.parametrize("code", [0, 1, 2, 5, 125, 255])
def test_the_commands_own_code_is_returned(site, stub, exeat, code):
    assert exeat(*RUN, *python(f"raise SystemExit({code})"))[0] == code
    assert calls(stub) == [OPENED, CLOSED]


def test_a_command_killed_by_a_signal_returns_what_a_shell_would(site, stub, exeat):
    assert exeat(*RUN, *python("import os; os.kill(os.getpid(), 9)"))[0] == 137
    assert calls(stub) == [OPENED, CLOSED]


def test_options_after_the_command_are_the_commands_even_without_dashes(site, stub, exeat):
    code, out, _ = exeat(*RUN, sys.executable, "-c", "import sys; print(sys.argv[1:])", "--json", "-c", "--", "x")
    assert (code, out.strip()) == (0, "['--json', '-c', '--', 'x']")


def test_what_fails_before_the_command_starts_is_125(folder, exeat):
    assert exeat(*RUN, *python(""))[0] == 125
    assert exeat("run", "--nonsense")[0] == 125
    (folder / "exeat.toml").write_text("x = 1")
    assert exeat(*RUN, *python(""))[0] == 125


def test_a_refused_mission_starts_no_command(site, stub, exeat):
    stub.answers[OPENED] = (403, {"detail": "too much"})
    code, out, err = exeat(*RUN, *python("print('ran')"))
    assert (code, out) == (125, "")
    assert "too much" in err


def test_a_command_that_is_not_there_opens_no_mission(site, stub, exeat):
    assert exeat(*RUN, "--", "no-such-command-here")[0] == 127
    file = site / "plain.txt"
    file.write_text("x")
    assert exeat(*RUN, "--", file)[0] == 126
    assert calls(stub) == []


def test_a_command_that_can_not_start_after_all_still_closes_the_mission(site, stub, exeat):
    script = site / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert exeat(*RUN, "--", script)[0] == 127
    assert calls(stub) == [OPENED, CLOSED]


def test_a_mission_that_can_not_be_closed_is_named_and_the_code_stays(site, stub, exeat):
    stub.answers[CLOSED] = (503, {"detail": "store gone"})
    code, _, err = exeat(*RUN, *python("raise SystemExit(7)"))
    assert code == 7
    assert "exeat mission revoke m_01ABC" in err


def test_json_events_leave_stdout_to_the_command(site, stub, exeat):
    code, out, err = exeat(*RUN, "--json", *python("print('mine')"))
    assert (code, out) == (0, "mine\n")
    assert [orjson.loads(line)["event"] for line in err.splitlines()] == ["opened", "closed"]
    assert "SENTINEL" not in err


def start(*command, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "exeat.cli.main", *RUN, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_command_and_the_mission_is_closed(site, stub, number):
    process = start(*python("import time; print('up', flush=True); time.sleep(20)"))
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert calls(stub) == [OPENED, CLOSED]


def test_a_command_may_handle_a_signal_itself(site, stub):
    code = "import signal, time; signal.signal(15, lambda *_: exit(9)); print('up', flush=True); time.sleep(20)"
    process = start(*python(code))
    assert process.stdout.readline() == "up\n"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 9
    assert calls(stub) == [OPENED, CLOSED]


def test_a_signal_while_the_mission_opens_starts_no_command_and_leaves_no_mission(site, stub):
    waiting = stub.answers[OPENED]

    class Slow(dict):
        def get(self, key, default=None):
            if key == OPENED:
                time.sleep(1.5)
                return waiting
            return super().get(key, default)

    stub.answers = Slow(stub.answers)
    process = start(*python("print('ran')"))
    for _ in range(500):
        if stub.asked:
            break
        time.sleep(0.02)
    process.terminate()
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (143, "")
    assert calls(stub) == [OPENED, CLOSED]


TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from exeat.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def on_terminal(*command):
    """A run with a terminal of its own: (process, our end of the terminal)."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *RUN, *command],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    return process, ours


def test_a_command_can_read_from_the_terminal(site, stub):
    process, terminal = on_terminal(*python("print('up', flush=True); print('got', input())"))
    assert process.stdout.readline() == "up\n"
    os.write(terminal, b"hello\n")
    out, _ = process.communicate(timeout=20)
    os.close(terminal)
    assert (process.returncode, out) == (0, "got hello\n")
    assert calls(stub) == [OPENED, CLOSED]


def test_ctrl_c_on_the_terminal_reaches_the_command_once(site, stub):
    code = (
        "import signal, time\nhits = []\nsignal.signal(2, lambda *_: hits.append(1))\nprint('up', flush=True)\n"
        "time.sleep(1.0)\nprint(len(hits))"
    )
    process, terminal = on_terminal(*python(code))
    assert process.stdout.readline() == "up\n"
    os.write(terminal, b"\x03")
    out, _ = process.communicate(timeout=20)
    os.close(terminal)
    assert (process.returncode, out) == (0, "1\n")
    assert calls(stub) == [OPENED, CLOSED]


def test_a_stopped_command_stops_the_run_and_both_go_on(site, stub):
    process, terminal = on_terminal(*python("import time; print('up', flush=True); time.sleep(0.6); print('on')"))
    assert process.stdout.readline() == "up\n"
    os.write(terminal, b"\x1a")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=20)
    os.close(terminal)
    assert (process.returncode, out) == (0, "on\n")
    assert calls(stub) == [OPENED, CLOSED]
