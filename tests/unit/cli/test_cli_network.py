"""`exeat network nftables`: what it prints for every kind of listener is accepted by nft, and refuses by default."""

from __future__ import annotations

import os
import shutil
import subprocess

import orjson
import pytest

LISTENERS = {
    "explicit": [("http://127.0.0.1:8080", ""), ("https://10.0.0.1:8443", ""), ("socks5://[::1]:1080", "")],
    "transparent on loopback": [("transparent://127.0.0.1:15001", "127.0.0.1:5353"), ("https://10.0.0.1:8443", "")],
    "transparent on all addresses": [("transparent://0.0.0.0:15001", "0.0.0.0:5353"), ("transparent://[::]:15002", "")],
    "transparent on one address": [("transparent://10.0.0.1:15001", "10.0.0.1:53"), ("transparent://[fd00::1]:15001", "")],
}  # fmt: skip
WHO = {
    "a user": ("--user", "12345"), "users": ("--user", "12345", "--user", "23456", "--local-port", "3000"), "the host": ("--host",),
    "a device": ("--interface", "docker0"), "devices and a user": ("--interface", "br-*", "--interface", "tap0", "--user", "12345"),
}  # fmt: skip


@pytest.fixture
def listening(folder):
    def listen(kind):
        file = folder / "exeat.toml"
        tables = ["proxy = { listen = [] }\n", file.read_text()]
        for url, dns in LISTENERS[kind]:
            evidence = 'evidence = ["listener"]\nagent = "prod/invoice-bot"\n' if url.startswith("transparent") else ""
            tables.append(f'[[listener]]\nurl = "{url}"\n{evidence}' + (f'dns = "{dns}"\n' if dns else ""))
        file.write_text("".join(tables))

    return listen


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("kind", LISTENERS)
def test_nft_accepts_what_is_printed(listening, exeat, tmp_path, kind, who):
    if shutil.which("nft") is None or os.geteuid() != 0:
        pytest.skip("needs nft (nftables) and root")
    listening(kind)
    code, out, err = exeat("network", "nftables", *WHO[who])
    assert code == 0, err
    file = tmp_path / "exeat.nft"
    file.write_text(out)
    done = subprocess.run(["unshare", "-n", "nft", "-c", "-f", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", LISTENERS)
def test_every_judged_packet_ends_in_the_refusal_unless_it_goes_to_exeat(listening, exeat, kind):
    listening(kind)
    _, out, _ = exeat("network", "nftables", "--user", "12345", "--interface", "docker0")
    rules = [line.split("#")[0].strip() for line in out.splitlines()]
    for chain in ("held", "arriving"):
        body = rules[rules.index(f"chain {chain} {{") + 1 :]
        assert body[: body.index("}")][-1] == "jump refused"
    last = rules[rules.index("chain refused {") + 1 :]
    assert last[: last.index("}")][-1] == "counter name other reject with icmpx admin-prohibited"
    ports = {url.rpartition(":")[2] for url, _ in LISTENERS[kind]} | {dns.rpartition(":")[2] for _, dns in LISTENERS[kind] if dns}  # fmt: skip
    opened = [line for line in rules if line.endswith("accept") and "dport" in line]
    assert opened
    assert all(line.split()[-2] in ports for line in opened)


def test_machines_get_it_as_json(listening, exeat):
    listening("explicit")
    code, out, _ = exeat("network", "nftables", "--user", "12345", "--json")
    data = orjson.loads(out)
    assert code == 0
    assert data["table"] == "inet exeat"
    assert data["listeners"] == ["http://127.0.0.1:8080", "https://10.0.0.1:8443", "socks5://[::1]:1080"]
    assert data["rules"].startswith("# Made by exeat network nftables: user 12345")


def test_a_device_needs_a_listener_that_can_be_reached_from_it(folder, exeat):
    code, out, err = exeat("network", "nftables", "--interface", "docker0")
    assert (code, out) == (2, "")
    assert "https://" in err


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_is_a_port(folder, exeat, port):
    assert exeat("network", "nftables", "--user", "12345", "--local-port", port)[0] == 2
