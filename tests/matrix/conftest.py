"""What the matrix needs beyond the common world: an island with a name server of its own, and the account of a refusal."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import pytest

from rig.attack import Bystander
from rig.config import Config, free_port
from rig.faults import World
from rig.matrix import seen
from rig.nameserver import Nameserver
from rig.origin import Origin
from rig.ways import Doors, at, inside, socks_raw
from rig.wire import CLOSED, Response, denied, refused

RESOLVER = "nameserver 127.0.0.1\nsearch corp.example.test example.test\noptions ndots:5 timeout:1 attempts:2\n"
"""As on a network with search domains: none of them may ever be tried for an agent."""


@pytest.fixture(scope="module")
def names(island):
    """The only name server there is."""
    with Nameserver() as running:
        yield running


@pytest.fixture(scope="module")
def everywhere(island, authority):
    """An origin at ports 443 and 80 of every address: whatever is dialled, it is seen."""
    with Origin(authority, "*.example.test", everywhere=True) as running:
        yield running


@pytest.fixture(scope="module")
def by_dns(island, names, everywhere, authority):
    """A configuration in which missions may go to any public name, and every name is asked of the name server."""
    made = Config(everywhere, authority.file)
    made.tables["upstream"]["resolve"].clear()
    island.sh(
        "ip addr add 10.77.0.1/32 dev lo; ip addr add 93.184.215.99/32 dev lo; ip addr add 2606:2800:220:1::99/128 dev lo"
    )
    made.launcher = island.launcher(
        resolv_conf=RESOLVER,
        nsswitch_conf="hosts: files dns\n",
        hosts="127.0.0.1 localhost\n10.9.9.9 listed.example.test\n",
    )
    made.tables["proxy"]["limits"] = {"connect": "3s"}
    made.outer_port = free_port()
    made.tables["listener"] = [{"url": f"https://0.0.0.0:{made.outer_port}", "names": ["proxy.example.test"]}]
    for port in (443, 80, 8443, made.port, made.admin_port, made.outer_port):
        made.allow("*", port)
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Notes every lookup and connection of the serving process, and lets no lookup out of this machine."""
    return World(tmp_path_factory.mktemp("world"), names={})


@pytest.fixture
def nowhere(exeat, mission, origin, decoy, world):
    """Assert that an attempt was refused, caused no lookup and no connection, and is in the audit as it was told."""
    before = len(world.dials())

    def check(answer: Response, *codes: str) -> None:
        refused(answer, *codes) if codes else denied(answer)
        origin.wait_quiet(0.03)
        assert world.dials()[before:] == []
        assert (origin.connections, decoy.connections) == ([], [])
        if answer.code and "decision_id" in answer.json():
            (record,) = exeat.audit_records("decision", decision_id=answer.json()["decision_id"])
            assert (record["decision"], record["code"]) == ("deny", answer.code)

    return check


@pytest.fixture
def by_socks(exeat, mission):
    """Ask a SOCKS5 listener for an address as it stands on the wire, and make one request there in the name of a host.

    The configuration's ``doors`` say where it listens.
    """

    def ask(address: bytes, port: int, sni: str | None, host: str) -> Response:
        doors: Doors = exeat.config.doors
        sock = at(doors, "socks5")
        code = socks_raw(sock, address, port, "mission", urlsplit(mission["socks_url"]).password or "")
        if code:
            sock.close()
            seen(f"socks {code}" if code > 0 else "closed")
            return CLOSED
        try:
            with inside(exeat, mission, sock, sni, verify=False) as wire:
                return wire.request("GET", "/echo", host=host)
        except (ssl.SSLError, OSError):
            return CLOSED

    return ask


@pytest.fixture
def others(exeat):
    """Another agent is served all the while, and the proxy doesn't grow by much."""
    before = exeat.memory()
    with Bystander(exeat) as bystander:
        yield bystander
    assert exeat.memory() - before < 40 * 1024 * 1024
