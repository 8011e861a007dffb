"""SOCKS5: a tunnel like any other, and nothing else."""

from __future__ import annotations

import pytest

from rig.ways import Entered, at, inside, socks
from rig.wire import denied, refused

HOST = "api.example.test"


def last(exeat):
    return exeat.audit_records("decision")[-1]


def short(mission):
    return mission["socks_url"].split("@")[0].rpartition(":")[2]


@pytest.mark.guard("tunnel-identity")
@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        (None, "", "identity_missing"),
        ("mission", "exeat1~wrong", "identity_invalid"),
        ("mission", "x", "identity_invalid"),
        ("a:b", "SHORT", "identity_invalid"),
        ("mission", "SHORTER", "identity_invalid"),
    ],
)
def test_socks_shows_a_pass_or_leads_nowhere(doors, exeat, mission, origin, user, password, code):
    shown = {"SHORT": short(mission), "SHORTER": short(mission)[:-1]}.get(password, password)
    with at(doors, "socks5") as sock:
        assert socks(sock, HOST, 443, user, shown) == 2
        assert sock.recv(100) == b""
    assert last(exeat)["code"] == code
    assert origin.connections == []


def test_a_short_pass_ends_with_its_mission(doors, exeat, mission, origin):
    exeat.end(mission)
    with at(doors, "socks5") as sock:
        code = socks(sock, HOST, 443, "mission", short(mission))
        assert code == 0
        with inside(exeat, mission, sock, HOST) as wire:
            refused(wire.ask("GET", "/v1/refunds"), "mission_ended", status=403)
    assert origin.connections == []


@pytest.mark.parametrize("target", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "93.184.215.14"])
def test_socks_to_an_address_is_refused_inside(doors, exeat, mission, origin, target):
    with at(doors, "socks5") as sock:
        assert socks(sock, target, 443, "mission", short(mission)) == 0
        with inside(exeat, mission, sock, HOST, verify=False) as wire:
            refused(wire.ask("GET", "/v1/refunds"), "address_not_allowed", "destination_not_allowed", status=403)
    assert origin.connections == []


@pytest.mark.parametrize("where", ["admin", "http", "socks5"])
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_socks_to_ourselves_is_refused(doors, exeat, mission, where, name):
    port = exeat.admin_port if where == "admin" else doors.ports[where]
    with at(doors, "socks5") as sock:
        assert socks(sock, name, port, "mission", short(mission)) == 2
    assert last(exeat)["code"] == "address_not_allowed"


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n", b"\0" * 64, b"EHLO x\r\n", b" GET / HTTP/1.1\r\n\r\n", b"\x05\x01\x00"]
)
def test_inside_socks_only_tls_and_http_are_spoken(doors, exeat, mission, origin, data):
    with at(doors, "socks5") as sock:
        assert socks(sock, HOST, 443, "mission", short(mission)) == 0
        denied(Entered(exeat, sock, HOST).send(data).response())
    assert origin.connections == []


def test_https_in_clear_is_not_spoken_to_an_https_destination(doors, exeat, mission, origin):
    with at(doors, "socks5") as sock:
        assert socks(sock, HOST, 443, "mission", short(mission)) == 0
        wire = Entered(exeat, sock, f"{HOST}:443")
        denied(wire.ask("GET", "/v1/refunds"))
    assert origin.connections == []
