"""The proxy has the same address in a jail as outside, whatever kind of address it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rig.network import HERE4, HERE6, Internet, why_not
from rig.proxy import clean_environment

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
AS_USER = Path(__file__).parents[1] / "rig/as_user.py"
USER, NAME, PID = 12345, "exeat.example.internal", os.getpid()
JAIL = f"""
import os, socket, sys, threading
from exeat.jail.launch import Jail
from exeat.jail.plan import Plan
bound, named = sys.argv[1:]
if named == "{NAME}":
    from exeat.jail.kernel import MS_BIND, mount
    with open("/tmp/exeat-hosts-{PID}", "w") as hosts:
        hosts.write(bound + " " + named)
    mount(hosts.name, "/etc/hosts", flags=MS_BIND)
    import atexit
    atexit.register(os.unlink, hosts.name)
family = socket.AF_INET6 if ":" in bound else socket.AF_INET
with socket.create_server((bound, 0), family=family) as proxy:
    def answer():
        connection, _ = proxy.accept()
        with connection:
            connection.sendall(b"hello from " + connection.recv(100))
    threading.Thread(target=answer, daemon=True).start()
    port = proxy.getsockname()[1]
    code = f"import socket; s = socket.create_connection(({{named!r}}, {{port}}), 5); s.sendall(b'inside'); print(s.recv(100).decode())"
    jail = Jail(Plan(named, port, ({USER}, {USER}) if os.getuid() == 0 else None))
    process, _ = jail.start([sys.executable, "-c", code], dict(os.environ))
    jail.go()
    code = process.wait(30)
    jail.stop()
sys.exit(code)
"""


@pytest.fixture(scope="module", autouse=True)
def internet():
    with Internet() as running:
        yield running


def test_a_name_leads_there_too_and_no_other_name_is_known(internet):
    """Root alone may show it a hosts file of its own here, in a mount namespace of its own."""
    command = [sys.executable, AS_USER, "0", sys.executable, "-c", JAIL, HERE4, NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", env=clean_environment())
    assert (done.returncode, done.stdout) == (0, "hello from inside\n"), done.stderr
    assert internet.contacts() == []


@pytest.mark.parametrize("user", [0, USER])
@pytest.mark.parametrize(
    ("bound", "named"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), (HERE4, HERE4), (HERE6, HERE6), ("127.0.0.1", "localhost"), ("0.0.0.0", "0.0.0.0")],
)  # fmt: skip
def test_the_same_address_leads_to_the_proxy_inside(user, bound, named):
    if user and subprocess.run([sys.executable, AS_USER, str(user), "unshare", "-U", "-n", "true"], cwd="/").returncode:
        pytest.skip("no user namespaces for users without privileges")
    command = [sys.executable, AS_USER, str(user), sys.executable, "-c", JAIL, bound, named]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", env=clean_environment())
    assert (done.returncode, done.stdout) == (0, "hello from inside\n"), done.stderr
