"""`exeat run --jail`: a command that tries every way out gets nowhere, and a permitted request through Exeat works.

Each test runs twice: for somebody without any privilege, and for root who hands the command to another user.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.network import METADATA, REQUEST, V4, V6, Internet, why_not
from rig.proxy import COMMAND, Exeat, clean_environment

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

RIG = Path(__file__).parents[1] / "rig"
USER = 12345


@pytest.fixture(scope="module", autouse=True)
def internet():
    with Internet() as running:
        yield running


@pytest.fixture(scope="module", params=["user", "root"])
def caller(request):
    if request.param == "user":
        tried = [sys.executable, RIG / "as_user.py", str(USER), "unshare", "-U", "-n", "true"]
        done = subprocess.run(tried, capture_output=True, text=True, cwd="/")
        if done.returncode:
            pytest.skip(f"no user namespaces for users without privileges: {done.stderr.strip()}")
    return request.param


@pytest.fixture(scope="module")
def exeat(tmp_path_factory, internet, config, caller):
    with Exeat(tmp_path_factory.mktemp("exeat"), config) as running:
        running.folder.chmod(0o755)
        if caller == "user":  # the installation is theirs
            for path in (running.folder, *running.folder.rglob("*")):
                os.chown(path, USER, USER)
        yield running


@pytest.fixture
def start(exeat, caller, mission):
    """Start a command in a jail, as whoever calls."""
    running = []

    def run(*command, stdin=subprocess.DEVNULL, before=(), inner=(), **options):
        user = ["--user", str(USER)] if caller == "root" else []
        verb = ["run", "--jail", *user, "--mission", "refunds", "--agent", "invoice-bot", "--", *map(str, command)]
        as_user = [sys.executable, RIG / "as_user.py", str(0 if user else USER)]
        ours = {"EXEAT_CONFIG": str(exeat.file), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [*before, *as_user, *inner, *COMMAND, *verb], cwd=exeat.folder, text=True, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=clean_environment() | ours, **options,
        )  # fmt: skip
        running.append(process)
        return running[-1]

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


@pytest.fixture
def jail(start):
    """Run a command in a jail to its end: (exit code, stdout, stderr)."""

    def run(*command, **options):
        process = start(*command, **options)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    return run


@pytest.fixture
def outside():
    """What somebody else listens at: an abstract socket, socket files in /run and elsewhere."""
    abstract = f"exeat-test-{os.getpid()}"
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="exeat-", dir=at))) for at in ("/run", "/tmp")]  # fmt: skip
        paths = [folder / "engine.sock" for folder in folders]
        for address in ("\0" + abstract, *map(str, paths)):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listener.bind(address)
            listener.listen()
        for path in (*folders, *paths):
            path.chmod(0o777)
        yield {"abstract": abstract, "sockets": [str(path) for path in paths]}


def world(exeat, outside):
    secrets = [exeat.folder / "admin.token", exeat.folder / "exeat.db", *(exeat.folder / "state").rglob("*.key"), *(exeat.folder / "audit").rglob("*.jsonl")]  # fmt: skip
    assert len(secrets) > 3
    return {
        "v4": V4, "v6": V6, "metadata": METADATA, "admin": exeat.admin_port, "jail": True, "pid": os.getpid(),
        "secrets": [str(path) for path in secrets], **outside,
    }  # fmt: skip


@pytest.mark.guard("jail-network")
@pytest.mark.guard("jail-filter")
@pytest.mark.guard("jail-socket-files")
@pytest.mark.guard("jail-secrets")
@pytest.mark.guard("jail-capabilities")
@pytest.mark.guard("jail-processes")
def test_an_agent_that_wants_out_gets_nowhere(exeat, internet, jail, outside):
    internet.contacts()
    given = world(exeat, outside)
    code, out, err = jail(sys.executable, RIG / "escapes.py", json.dumps(given))
    assert code == 0, err
    found = json.loads(out)  # noqa: TID251
    assert len(found) > 25
    assert {name: word for name, word in found.items() if word.startswith("OUT")} == {}
    assert found["tcp"] == "ENETUNREACH", "not even a route"
    assert found["terminal"] == "EPERM"
    assert found["io_uring"] == "ENOSYS"
    assert found["vsock"] == "EAFNOSUPPORT"
    assert internet.contacts() == []


def test_the_same_agent_outside_gets_everywhere(exeat, internet, outside):
    """Otherwise the test above would show nothing."""
    internet.contacts()
    given = world(exeat, outside)
    command = [sys.executable, RIG / "as_user.py", str(USER), sys.executable, RIG / "escapes.py", json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, cwd=exeat.folder, env=clean_environment() | {"RES_OPTIONS": "timeout:1 attempts:1"})  # fmt: skip
    found = json.loads(done.stdout)  # noqa: TID251
    for name in ("tcp", "tcp over IPv6", "quic", "udp", "dns", "metadata", "the admin API", "abstract socket", "processes"):  # fmt: skip
        assert found[name].startswith("OUT"), (name, found)
    assert all(found[f"socket {path}"].startswith("OUT") for path in outside["sockets"])
    assert {(contact["kind"], contact["port"]) for contact in internet.contacts()} >= {("tcp", 443), ("udp", 53), ("udp", 443), ("tcp", 80)}  # fmt: skip


def test_a_permitted_request_through_exeat_works(exeat, jail, origin, internet):
    code, out, err = jail(sys.executable, "-c", REQUEST)
    assert (code, out) == (0, "200\n"), err
    assert "jailed" in err
    assert [request.path for request in origin.requests] == ["/v1/refunds"]
    assert internet.contacts() == []


def test_what_is_not_permitted_is_refused_inside_as_outside(jail, decoy):
    code, _, err = jail(sys.executable, "-c", REQUEST.replace("api.example", "evil.example"))
    assert code == 1
    assert "403" in err
    assert decoy.connections == []


def test_doctor_finds_every_way_closed_inside_and_open_outside(exeat, jail, internet):
    asked = [*COMMAND, "doctor", "--inside", "--target", V4, "--target", V6, "--limit", "1", "--json"]
    code, out, err = jail(*asked)
    rows = json.loads(out)["checks"]  # noqa: TID251
    assert {row["state"] for row in rows} == {"ok"}, (rows, err)
    assert code == 0
    assert {row["name"] for row in rows} >= {"ipv4 tcp 443", "ipv6 udp 443 (quic)", "ipv4 udp 53 (dns)", "ipv4 metadata", "names", "exeat"}  # fmt: skip
    assert internet.contacts() == []
    done = exeat.cli(*asked[len(COMMAND) :])
    assert done.returncode == 1
    rows = {row["name"]: row for row in json.loads(done.stdout)["checks"]}  # noqa: TID251
    for name in ("ipv4 tcp 443", "ipv6 tcp 443", "ipv4 udp 53 (dns)", "ipv6 udp 53 (dns)", "ipv4 udp 443 (quic)", "ipv4 metadata"):  # fmt: skip
        assert rows[name]["state"] == "fail", name
        assert rows[name]["fix"]


@pytest.mark.guard("jail-standard-streams")
def test_a_descriptor_of_the_network_outside_does_not_come_along(exeat, start, internet):
    with socket.create_connection((V4, 8443)) as connection:
        process = start("true", stdin=connection)
        assert process.wait(30) == 125
        assert "network socket" in process.stderr.read()


@pytest.mark.guard("jail-run-empty")
def test_a_socket_that_a_service_makes_later_is_not_there_either(start):
    code = """
import socket, sys
print("up", flush=True)
path = input()
try:
    socket.socket(socket.AF_UNIX).connect(path)
    print("OUT")
except OSError as error:
    print(error.strerror)
"""
    process = start(sys.executable, "-c", code, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    with tempfile.TemporaryDirectory(prefix="exeat-", dir="/run") as folder, socket.socket(socket.AF_UNIX) as late:
        Path(folder).chmod(0o777)
        late.bind(f"{folder}/engine.sock")
        late.listen()
        Path(folder, "engine.sock").chmod(0o777)
        out, err = process.communicate(f"{folder}/engine.sock\n", timeout=20)
    assert (process.returncode, out) == (0, "No such file or directory\n"), err


@pytest.mark.guard("jail-working-folder")
def test_a_working_folder_that_is_hidden_inside_is_no_way_to_look_under_the_cover(exeat, start, outside):
    folder = Path(outside["sockets"][0]).parent
    process = start("ls", inner=["env", "-C", folder])
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (125, ""), err
    assert str(folder) in err


def test_descriptors_that_the_caller_left_open_do_not_come_along(jail, internet):
    with socket.create_connection((V4, 8443)) as connection:
        os.set_inheritable(connection.fileno(), True)
        code, out, _ = jail("ls", "-l", "/proc/self/fd", pass_fds=(connection.fileno(),))
    assert code == 0
    assert "socket:" not in out


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_commands_own_code_is_returned(jail, code):
    assert jail("sh", "-c", f"exit {code}")[0] == code


def test_a_command_killed_by_a_signal_or_not_to_be_run_returns_what_a_shell_would(jail, exeat):
    assert jail("sh", "-c", "kill -9 $$")[0] == 137
    script = exeat.folder / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert jail(script)[0] == 127


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_command(start, number):
    process = start("sh", "-c", f"trap 'exit 9' {number}; echo up; while :; do sleep 0.05; done")
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 9
    assert "is closed" in err


def test_what_the_command_leaves_behind_ends_with_it(jail):
    marker = f"exeat-left-{os.getpid()}"
    assert jail("sh", "-c", f"sh -c 'sleep 77; : {marker}' & exit 0")[0] == 0
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker.encode() in _read(path)]
    assert left == []


def test_the_jail_ends_when_exeat_run_is_killed(start):
    process = start("sh", "-c", "echo up; while :; do echo on; sleep 0.05; done")
    assert process.stdout.readline() == "up\n"
    process.kill()
    assert process.communicate(timeout=10)  # its output ends: nobody holds the other end any more


def wait_for_stop(process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        child, status = os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)
        if child:
            assert os.WIFSTOPPED(status)
            return
        time.sleep(0.01)
    raise AssertionError("it didn't stop")


def test_a_stopped_command_stops_the_run_and_both_go_on(start):
    process = start("sh", "-c", "echo up; kill -STOP $$; echo on")
    assert process.stdout.readline() == "up\n"
    wait_for_stop(process)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "on\n")


TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def terminal(start):
    """Start a command with a terminal of its own: (process, our end of it)."""
    ends = []

    def run(*command):
        ours, theirs = os.openpty()
        ends.append(ours)
        process = start(*command, stdin=theirs, before=[sys.executable, "-c", TERMINAL])
        os.close(theirs)
        return process, ours

    yield run
    for end in ends:
        os.close(end)


def test_a_command_has_the_terminal(terminal):
    process, ours = terminal("sh", "-c", "echo up; read word; echo got $word")
    assert process.stdout.readline() == "up\n"
    os.write(ours, b"hello\n")
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "got hello\n")


def test_ctrl_c_on_the_terminal_reaches_the_command_once(terminal):
    process, ours = terminal("sh", "-c", "trap 'echo hit' INT; echo up; sleep 0.4; sleep 0.4; exit 3")
    assert process.stdout.readline() == "up\n"
    os.write(ours, b"\x03")
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (3, "hit\n")


def test_ctrl_z_stops_both_and_both_go_on(terminal):
    process, ours = terminal("sh", "-c", "echo up; read word; echo on")
    assert process.stdout.readline() == "up\n"
    os.write(ours, b"\x1a")
    wait_for_stop(process)
    process.send_signal(signal.SIGCONT)
    os.write(ours, b"\n")
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "on\n")


def test_a_shell_with_job_control_works_inside(terminal):
    process, ours = terminal("bash", "--norc", "-i")
    os.write(ours, b"sleep 100 | cat\n")
    os.write(ours, b"\x1a")
    os.write(ours, b"kill %1; echo $$; exit 4\n")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 4, err
    assert out.strip() == "2", "the first process after init"
    assert "no job control" not in err


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.guard("jail-not-root")
def test_a_jail_for_root_is_refused(exeat, mission, caller):
    if caller == "user":
        return
    for user in ([], ["--user", "root"], ["--user", "0"]):
        done = exeat.cli("run", "--jail", *user, "--mission", "refunds", "--agent", "invoice-bot", "--", "true")
        assert done.returncode == 125
        assert "root" in done.stderr
        assert "--user NAME" in done.stderr


def test_where_the_kernel_gives_no_namespaces_it_says_so_and_opens_no_mission(exeat, caller):
    if caller == "root":
        return
    before = len(exeat.audit_records("mission"))

    def without(*arguments):
        forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec "
        command = forbid + " ".join([*COMMAND, *arguments])
        return subprocess.run(
            [sys.executable, RIG / "as_user.py", str(USER), "unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", command],
            cwd=exeat.folder, capture_output=True, text=True, timeout=60,
            env=clean_environment() | {"EXEAT_CONFIG": str(exeat.file)},
        )  # fmt: skip

    done = without("run", "--jail", "--mission", "refunds", "--agent", "invoice-bot", "--", "true")
    assert done.returncode == 125, done.stderr
    assert "doesn't allow a user namespace" in done.stderr
    assert "user.max_user_namespaces" in done.stderr
    assert len(exeat.audit_records("mission")) == before
    rows = {row["name"]: row for row in json.loads(without("doctor", "--json").stdout)["checks"]}  # noqa: TID251
    assert rows["jail"]["state"] == "warn"
    assert "user.max_user_namespaces" in rows["jail"]["fix"]
