"""Redirected connections: their name says where they lead, or they lead nowhere."""

from __future__ import annotations

import socket
import ssl

import pytest
from dnslib import DNSRecord

from rig.ways import ANYWHERE, Entered, inside
from rig.wire import denied, refused

HOST = "api.example.test"


@pytest.mark.parametrize("tcp", [False, True])
def test_names_are_answered_here_and_asked_nowhere(doors, exeat, island, tcp):
    island.went_to()
    for name in (HOST, "secret.evil.example.test", "localhost"):
        answer = DNSRecord.parse(DNSRecord.question(name).send("127.0.0.1", doors.ports["dns"], tcp=tcp, timeout=5))
        assert [str(each.rdata) for each in answer.rr] == [ANYWHERE]
    assert [each for each in island.went_to() if not each.startswith(("udp 127.0.0.1:", "tcp 127.0.0.1:"))] == []


@pytest.mark.guard("redirected-name")
def test_a_redirected_connection_without_a_name_leads_nowhere(doors, exeat, mission, origin):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        inside(exeat, mission, socket.create_connection((ANYWHERE, 443), 8), None)
    assert exeat.audit_records("decision")[-1]["code"] == "authority_mismatch"
    assert origin.connections == []


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n", b"\0" * 64, b"\x05\x01\x00", b"\x16\x03", b""])
def test_other_protocols_are_not_redirected(doors, exeat, mission, origin, data):
    with socket.create_connection((ANYWHERE, 443), 8) as sock:
        denied(Entered(exeat, sock, HOST).send(data).response(limit=6))
    assert origin.connections == []


@pytest.mark.parametrize("host", ["", "evil.example.test", "127.0.0.1", f"127.0.0.1:{80}"])
def test_a_plain_redirected_request_is_judged_by_its_host(doors, exeat, mission, origin, decoy, host):
    with socket.create_connection((ANYWHERE, 80), 8) as sock:
        answer = Entered(exeat, sock, host).ask("GET", "/echo")
    assert 400 <= answer.status < 404
    assert answer.status != 407
    assert origin.connections == decoy.connections == []


def test_a_proxy_request_on_a_redirected_connection_is_malformed(doors, exeat, mission, origin):
    with socket.create_connection((ANYWHERE, 80), 8) as sock:
        wire = Entered(exeat, sock, "plain.example.test")
        refused(wire.ask("GET", "http://plain.example.test/echo"), "request_malformed")
    with socket.create_connection((ANYWHERE, 80), 8) as sock:
        denied(Entered(exeat, sock, f"{HOST}:443").connect(f"{HOST}:443", mission["pass"]))
    assert origin.connections == []
