"""`exeat network nftables`, loaded: an agent's user, and agents behind a device, reach Exeat and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.config import free_port, toml
from rig.network import METADATA, REQUEST, V4, V6, Internet, why_not
from rig.proxy import COMMAND, clean_environment

RIG = Path(__file__).parents[1] / "rig"
WHY_NOT = why_not() or ("nft (nftables) is missing" if shutil.which("nft") is None else "")
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
AGENT, SOMEBODY = 12345, 12346
GATEWAY, BEHIND = "10.77.0.1", "10.77.0.2"
GATEWAY6, BEHIND6 = "fd77::1", "fd77::2"


@pytest.fixture(scope="module", autouse=True)
def internet():
    with Internet() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def agents_network(internet):
    """A network of agents behind the device ``agents0``, with this machine as its router. Gives the way into it."""
    holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
    here = Path("/proc/thread-self/ns/net").readlink()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{holder.pid}/ns/net").readlink() == here and time.monotonic() < deadline:
        time.sleep(0.01)
    there = str(holder.pid)
    enter = ["nsenter", "-t", there, "-n"]
    internet.ip("", "link", "add", "agents0", "type", "veth", "peer", "name", "eth0", "netns", there)
    for place, device, four, six in (("", "agents0", GATEWAY, GATEWAY6), (there, "eth0", BEHIND, BEHIND6)):
        internet.ip(place, "addr", "add", f"{four}/24", "dev", device)
        internet.ip(place, "-6", "addr", "add", f"{six}/64", "dev", device, "nodad")
        internet.ip(place, "link", "set", device, "up")
        internet.ip(place, "link", "set", "lo", "up")
    internet.ip(there, "route", "add", "default", "via", GATEWAY)
    internet.ip(there, "-6", "route", "add", "default", "via", GATEWAY6)
    internet.routes(("10.77.0.0/24", "fd77::/64"))
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        Path("/proc/sys/net", name).write_text("1")
    yield enter
    holder.stdin.close()
    holder.wait(10)


TRANSPARENT, DNS, TLS = free_port(), free_port(), free_port()


def configure(config, origin):
    config.tables["listener"] = [
        {"url": f"https://{GATEWAY}:{TLS}", "names": ["exeat.example.internal"]},
        {"url": f"transparent://127.0.0.1:{TRANSPARENT}", "evidence": ["listener"], "agent": "prod/invoice-bot",
         "dns": f"127.0.0.1:{DNS}"},
    ]  # fmt: skip


@pytest.fixture
def mission(mission, exeat):
    """The only one of its agent: who is redirected can't say which one is meant."""
    yield mission
    exeat.end(mission)


@pytest.fixture
def rules(exeat, tmp_path, request):
    """Load what the command prints, without the transparent listener unless asked for, and take it away afterwards."""

    def load(*arguments, transparent=False):
        file = exeat.file
        if not transparent:
            file = exeat.folder / "explicit.toml"
            tables = exeat.config.tables
            file.write_text(toml(tables | {"listener": tables["listener"][:1]}))
        printed = exeat.cli("network", "nftables", *arguments, "-c", str(file))
        assert printed.returncode == 0, printed.stderr
        written = tmp_path / "exeat.nft"
        written.write_text(printed.stdout)
        for word in (["-c"], [], []):  # checked; loaded; loaded again
            done = subprocess.run(["nft", *word, "-f", written], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

    yield load
    subprocess.run(["nft", "delete", "table", "inet", "exeat"], capture_output=True)


def escapes(exeat, *before, user=AGENT):
    """What came of an agent's tries to get out."""
    world = {"v4": V4, "v6": V6, "metadata": METADATA, "admin": exeat.admin_port}
    command = [*before, sys.executable, RIG / "as_user.py", str(user), sys.executable, RIG / "escapes.py", json.dumps(world)]  # fmt: skip
    environment = clean_environment() | {"RES_OPTIONS": "timeout:1 attempts:1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd="/", env=environment, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # noqa: TID251


def request(exeat, variables, *before, folder=None):
    """One request of the agent's, by its own user: (exit code, output). It has copies of what a client must trust."""
    trusted = exeat.folder.parent / "trusted"
    shutil.copytree(exeat.folder / "state", trusted, dirs_exist_ok=True, ignore=lambda _, names: [name for name in names if not name.endswith(".pem")])  # fmt: skip
    for path in (trusted, *trusted.iterdir()):
        path.chmod(0o755)
    environment = clean_environment() | {key: value.replace(str(exeat.folder / "state"), str(trusted)) for key, value in variables.items()}  # fmt: skip
    command = [*before, sys.executable, RIG / "as_user.py", str(AGENT), sys.executable, "-c", REQUEST]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=trusted)
    return done.returncode, done.stdout + done.stderr


def out(found):
    return {name for name, word in found.items() if word.startswith("OUT")}


def test_without_rules_both_get_everywhere(exeat, internet, agents_network):
    """Otherwise the tests below would show nothing."""
    everywhere = {"tcp", "tcp over IPv6", "quic", "udp", "dns", "metadata"}
    assert out(escapes(exeat)) >= everywhere | {"the admin API"}
    assert out(escapes(exeat, *agents_network)) >= everywhere
    assert len(internet.contacts()) >= 2 * len(everywhere)


@pytest.mark.guard("rules-default")
def test_an_agents_user_reaches_exeat_and_nothing_else(exeat, mission, rules, internet, origin):
    internet.contacts()
    rules("--user", str(AGENT))
    assert out(escapes(exeat)) == set()
    assert internet.contacts() == []
    assert request(exeat, mission["env"] | _explicit(exeat, mission)) == (0, "200\n")
    assert "tcp" in out(escapes(exeat, user=SOMEBODY)), "others aren't touched"
    counted = subprocess.run(["nft", "list", "counters", "table", "inet", "exeat"], capture_output=True, text=True).stdout  # fmt: skip
    for name in ("metadata", "dns", "quic", "other"):
        assert f"counter {name}" in counted
    assert "packets 0 " not in counted, "each kind was tried, and counted"


def _explicit(exeat, mission):
    """The plain listener on loopback, which this machine's own agents use."""
    url = f"http://mission:{mission['pass']}@127.0.0.1:{exeat.port}"
    return dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), url)


def test_all_ordinary_users_are_held_and_root_is_not(exeat, rules, internet):
    internet.contacts()
    rules("--host")
    assert out(escapes(exeat)) == out(escapes(exeat, user=SOMEBODY)) == set()
    assert internet.contacts() == []


def test_a_loopback_port_of_ones_own_can_be_opened_and_no_other(exeat, rules):
    own, other = free_port(), free_port()
    code = f"""
import socket
with socket.create_server(("127.0.0.1", {own})) as server, socket.create_connection(("127.0.0.1", {own}), 2) as one:
    two, _ = server.accept()
    two.send(b"x")
    one.settimeout(2)
    print(one.recv(1))
try:
    with socket.create_server(("127.0.0.1", {other})) as server:
        socket.create_connection(("127.0.0.1", {other}), 1)
except OSError as error:
    print("refused")
"""
    rules("--user", str(AGENT), "--local-port", str(own))
    done = subprocess.run([sys.executable, RIG / "as_user.py", str(AGENT), sys.executable, "-c", code], capture_output=True, text=True, timeout=30, cwd="/")  # fmt: skip
    assert done.stdout == "b'x'\nrefused\n", done.stderr


def test_agents_behind_a_device_reach_exeat_and_nothing_else(exeat, mission, rules, internet, agents_network, origin):
    internet.contacts()
    rules("--interface", "agents0")
    found = escapes(exeat, *agents_network)
    assert out(found) == set()
    for service in (exeat.port, exeat.admin_port):
        done = subprocess.run([*agents_network, sys.executable, "-c", f"import socket; socket.create_connection(('{GATEWAY}', {service}), 1)"], capture_output=True)  # fmt: skip
        assert done.returncode != 0
    assert internet.contacts() == []
    code = f"""
import os, socket, ssl
trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
with trust.wrap_socket(socket.create_connection(("{GATEWAY}", {TLS}), 5), server_hostname="exeat.example.internal") as proxy:
    proxy.sendall(b"CONNECT api.example.test:443 HTTP/1.1\\r\\nHost: api.example.test:443\\r\\nProxy-Authorization: Bearer {mission["pass"]}\\r\\n\\r\\n")
    print(proxy.recv(100).split()[1].decode())
"""
    done = subprocess.run([*agents_network, sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=clean_environment() | mission["env"])  # fmt: skip
    assert done.stdout == "200\n", done.stderr


def test_redirected_agents_need_no_setting_and_still_reach_nothing_else(exeat, mission, rules, internet, origin):
    internet.contacts()
    rules("--user", str(AGENT), transparent=True)
    trust = {"SSL_CERT_FILE": mission["env"]["SSL_CERT_FILE"], "EXAMPLE_KEY": mission["env"]["EXAMPLE_KEY"]}
    assert request(exeat, trust) == (0, "200\n")
    assert [asked.path for asked in origin.requests] == ["/v1/refunds"]
    assert internet.contacts() == []


@pytest.mark.parametrize("transparent", [False, True])
def test_doctor_sees_that_the_rules_hold_and_that_they_are_needed(exeat, mission, rules, internet, transparent):
    def doctor():
        asked = [*COMMAND, "doctor", "--inside", "--target", V4, "--target", V6, "--limit", "1", "--json"]
        command = [sys.executable, RIG / "as_user.py", str(AGENT), *asked]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", env=clean_environment() | {"RES_OPTIONS": "timeout:1 attempts:1"})  # fmt: skip
        return done.returncode, {row["name"]: row["state"] for row in json.loads(done.stdout)["checks"]}  # noqa: TID251

    code, states = doctor()
    assert code == 1
    assert states["ipv4 tcp 443"] == states["ipv4 metadata"] == "fail"
    internet.contacts()
    rules("--user", str(AGENT), transparent=transparent)
    code, states = doctor()
    assert (code, {name for name, state in states.items() if state == "fail"}) == (0, set()), states
    assert internet.contacts() == []


@pytest.mark.guard("rules-own-user")
def test_rules_that_would_hold_exeat_itself_or_nobody_are_refused(exeat):
    for arguments in ((), ("--user", "root"), ("--user", "0"), ("--user", "no-such-user"), ("--interface", "a b"), ("--user", "1", "--host")):  # fmt: skip
        done = exeat.cli("network", "nftables", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
    os.chown(exeat.folder / "state", AGENT, AGENT)
    try:
        done = exeat.cli("network", "nftables", "--user", str(AGENT))
        assert done.returncode == 2
        assert "itself" in done.stderr
    finally:
        os.chown(exeat.folder / "state", 0, 0)
