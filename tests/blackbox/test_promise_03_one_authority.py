"""Promise 3, one authority: CONNECT, server name, :authority, Host and the dialled name agree, or nothing is sent."""

from __future__ import annotations

import ssl

import pytest

from rig.wire import Wire, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"


@pytest.fixture(autouse=True)
def _nothing_reaches_the_decoy(mission, decoy):
    yield
    decoy.wait_quiet(0.05)
    assert decoy.connections == []


@pytest.mark.guard("authority-agree")
@pytest.mark.row("D02")
def test_a_host_header_for_another_name_is_refused(exeat, mission, origin):
    """D02: domain fronting over HTTP/1.1."""
    with tunnel(exeat, mission) as wire:
        refused(wire.request("GET", "/echo", host="evil.example.test"), "authority_mismatch", status=403)
    assert origin.requests == []


@pytest.mark.guard("authority-agree")
@pytest.mark.row("D01")
def test_another_server_name_is_refused(exeat, mission, origin):
    """D01: the hello names another host than CONNECT."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        try:
            wire.secure(mission["ca_file"], "evil.example.test", verify=False)
        except (ssl.SSLError, OSError):
            return
        denied(wire.request("GET", "/echo", host=HOST))
    assert origin.requests == []


@pytest.mark.row("D09")
def test_no_server_name_is_refused(exeat, mission, origin):
    """D09: without SNI nobody can tell what the client meant."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        try:
            wire.secure(mission["ca_file"], None)
        except (ssl.SSLError, OSError):
            return
        denied(wire.request("GET", "/echo", host=HOST))
    assert origin.requests == []


@pytest.mark.guard("authority-agree")
@pytest.mark.row("D03")
def test_another_authority_on_a_stream_is_refused_and_the_others_live(exeat, mission, origin):
    """D03."""
    with H2Wire(exeat, mission) as wire:
        good = wire.open("GET", "/slow?s=0.5")
        bad = wire.finish(wire.open("GET", "/echo", authority="evil.example.test"))
        assert bad.closed or bad.code == "authority_mismatch", bad
        if not wire.closed:
            assert wire.finish(good).status == 200
    assert [seen.path for seen in origin.requests if seen.path == "/echo"] == []


@pytest.mark.row("D04")
def test_a_host_field_beside_a_different_authority_is_refused(exeat, mission, origin):
    """D04."""
    with H2Wire(exeat, mission) as wire:
        denied(wire.request("GET", "/echo", ("host", "evil.example.test")))
    assert origin.requests == []


@pytest.mark.row("D05")
def test_an_absolute_target_and_host_that_differ_are_refused(exeat, mission, origin):
    """D05."""
    with Wire(exeat) as wire:
        answer = wire.request(
            "GET",
            "http://plain.example.test/echo",
            f"Proxy-Authorization: {basic(mission['pass'])}",
            host="evil.example.test",
        )
    refused(answer, "authority_mismatch")
    assert origin.requests == []


@pytest.mark.parametrize(
    "target", ["http://evil.example.test/", "https://evil.example.test/", f"https://{HOST}/echo", f"//{HOST}/echo"]
)
@pytest.mark.row("D06")
def test_an_absolute_target_inside_a_tunnel_is_refused(exeat, mission, origin, target):
    """D06."""
    with tunnel(exeat, mission) as wire:
        denied(wire.request("GET", target, host=HOST))
    assert origin.requests == []


@pytest.mark.parametrize(
    "lines",
    [
        [f"Host: {HOST}", "Host: evil.example.test"], [f"Host: {HOST}", f"Host: {HOST}"], [f"Host: {HOST}, evil.example.test"],
        ["Host:"], [f"Host: {HOST} evil.example.test"], [f"Host: {HOST}\tevil"], [], [f"Host: {HOST}:8443"], [f"Host: u@{HOST}"],
        [f"Host: [{HOST}]"], [f"Host: {HOST}.."], [f"Host: {HOST}%00.evil.test"], [f"Host: {HOST}#"], [f"Host: {HOST}:+443"],
    ],
)  # fmt: skip
@pytest.mark.row("D07", "D15", "D16", "D17", "D18")
def test_two_empty_or_odd_host_fields_are_refused(exeat, mission, origin, lines):
    """D07, D15 to D18: every ambiguous way to say for whom."""
    with tunnel(exeat, mission) as wire:
        denied(wire.send("\r\n".join(["GET /echo HTTP/1.1", *lines]) + "\r\n\r\n").response())
    assert origin.requests == []


@pytest.mark.parametrize("spelling", ["API.Example.TEST", f"{HOST}:443", f"{HOST}."])
@pytest.mark.row("D11", "D12")
def test_another_spelling_of_the_same_name_is_the_same_name_or_refused(exeat, mission, origin, spelling):
    """D11, D12: never a different decision; the origin always gets the canonical form."""
    with tunnel(exeat, mission) as wire:
        answer = wire.request("GET", "/echo", host=spelling)
    if answer.status == 200:
        assert origin.last.one("host") == HOST
    else:
        denied(answer)
        assert origin.requests == []


@pytest.mark.parametrize(
    "target",
    [
        f"{HOST}:22", f"{HOST}:0", f"{HOST}:65536", f"{HOST}:443:80", f"{HOST}:+443", f"{HOST}:0443", f"{HOST}:", HOST,
        f"evil{HOST}:443", f"{HOST}.evil.test:443", f"x.{HOST}:443", "example.test:443", "[::1]:443", f"u@{HOST}:443",
    ],
)  # fmt: skip
@pytest.mark.row("D14", "D18")
def test_only_the_exact_name_and_port_of_the_mission_pass(exeat, mission, origin, target):
    """D14, D18: suffixes, prefixes, other and malformed ports."""
    with Wire(exeat) as wire:
        answer = wire.connect(target, mission["pass"])
        if answer.status == 200:
            host = target.rpartition(":")[0]
            try:
                wire.secure(mission["ca_file"], host.strip("[]"), verify=False)
            except (ssl.SSLError, OSError):
                return
            answer = wire.request("GET", "/echo", host=target)
        denied(answer)
    origin.wait_quiet(0.05)
    assert origin.connections == []
