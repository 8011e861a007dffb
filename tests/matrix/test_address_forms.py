"""Addresses in every form that some resolver would read: none is a name, and none is a destination.

Sections N and D08, as text; what DNS answers is in test_dns.py.
"""

# ruff: noqa: RUF001 letters that look like others are what this is about

from __future__ import annotations

import ssl
from ipaddress import ip_address

import pytest

from rig.ways import Doors
from rig.wire import CLOSED, Wire, basic
from rig.wire_h2 import H2Wire

HOST = "api.example.test"

FORMS = {
    "N01": [
        "127.0.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0X7F000001", "017700000001", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "127.0x1", "0x7f.0.1",
        "00000177.0.0.1", "127.000.000.001", "127.0.0.01", "0", "0.0", "0x0", "0.0.0.0", "1", "256.0.0.1", "127.0.0.256", "127.0.0.1.1", "4294967297", "0x17f000001", "127.65537",
        "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xa9.0xfe.0xa9.0xfe", "167772161", "10.1", "192.168.257", "３.0.0.1", "127。0。0。1", "127.0.0.1 ", "127..0.1",
        "1.1.1.1", "8.8.8.8", "134744072", "0x08080808", "8.8.2056", "127.0.0.1%00", "127.0.0.1\0", "0127.0.0.1", "-1", "+127.0.0.1", "127.0.0.1e0", "1e3", "0b1111111.0.0.1", "0o177.0.0.1",
    ],
    "N02": [
        "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]", "[::FFFF:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:7F00:1]",
        "[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[fe80::1%251]", "[FE80::1]", "[FD00:EC2::254]",
        "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::ffff:10.0.0.1]", "::1", "::ffff:127.0.0.1", "[::1", "::1]", "[[::1]]", "[::1].", "[ ::1]", "[::1 ]", "[::00001]", "[::1/128]", "[v1.::1]",
        "[1:2:3:4:5:6:7:8:9]", "[::ffff:0177.0.0.1]", "[::ffff:0x7f.1]", "[2606:2800:220:1::1]",
    ],
    "N03": ["[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001:0:53aa:64c::1]", "[fe80::5efe:7f00:1]", "[2606:4700::5efe:127.0.0.1]"],
    "N04": ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.1", "[fc00::1]", "[ff02::1]", "[2001:db8::1]"],
    "N05": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "[fd00:ec2::254]", "metadata.google.internal", "metadata"],
    "N13": ["localhost", "LOCALHOST", "localhost.", "x.localhost", "localhost.localdomain", "ip6-localhost", "broadcasthost", "printer", "printer.local", "db.internal", "nas.lan", "router.home.arpa"],
}  # fmt: skip


@pytest.fixture(scope="module")
def config(config, world):
    """A mission that may go to any public name, so that nothing but the form of the host stands in the way."""
    world.install(config)
    config.doors = Doors.open(config)
    for port in (443, 80):
        config.allow("*", port)
    return config


CASES = [
    pytest.param(host, marks=pytest.mark.row(row), id=f"{row}-{host!a}")
    for row, hosts in FORMS.items()
    for host in hosts
]


@pytest.mark.parametrize("host", CASES)
def test_an_address_or_a_name_of_this_network(exeat, mission, nowhere, host):
    """As the target of CONNECT and the Host within, as the host of a URL, as another host within a good tunnel."""
    host = host.encode().decode("latin-1")
    with Wire(exeat) as wire:
        answer = wire.connect(f"{host}:443", mission["pass"])
        if answer.status == 200:
            try:
                answer = wire.secure(mission["ca_file"], None).request("GET", "/echo", host=host)
            except (ssl.SSLError, OSError):
                answer = CLOSED
        nowhere(answer)
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        nowhere(wire.request("GET", f"http://{host}/echo", line, host=host))
    with H2Wire(exeat, mission) as wire:
        nowhere(wire.request("GET", "/echo", authority=host))


@pytest.mark.row("D08", "N04")
@pytest.mark.parametrize(
    "name",
    [
        "10.0.0.1.example.test",
        "127.0.0.1.nip.example.test",
        "0x7f.example.test",
        "1.example.test",
        "10-0-0-1.example.test",
    ],
)
def test_a_name_with_an_address_in_it_is_a_name(exeat, mission, world, name):
    """The counterpart: such a name is looked up like any other, and has no address here."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{name}:443", mission["pass"]).status == 200
        wire.secure(mission["ca_file"], name)
        assert wire.request("GET", "/echo", host=name).code == "upstream_unreachable"


@pytest.mark.parametrize("host", CASES)
def test_an_address_by_socks(nowhere, by_socks, host):
    """As the name that a SOCKS5 client asks for, bare and bracketed; and as four or sixteen bytes, where it is an address."""
    text = host.encode().decode("latin-1")
    forms = [b"\x03" + bytes([len(each.encode())]) + each.encode() for each in {host, host.strip("[]")} if each]
    try:
        address = ip_address(host.strip("[]"))
        forms.append((b"\x01" if address.version == 4 else b"\x04") + address.packed)
    except ValueError:
        pass
    for form in forms:
        nowhere(by_socks(form, 443, None, text))
        nowhere(by_socks(form, 443, HOST, HOST))
