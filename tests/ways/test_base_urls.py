"""Base URLs: services and nothing else, for whoever was told of them."""

from __future__ import annotations

import subprocess

import pytest

from rig.ways import Entered, at
from rig.wire import basic, denied, refused

HOST = "api.example.test"


def reverse(doors, exeat, way="reverse"):
    return Entered(exeat, at(doors, way), f"127.0.0.1:{doors.ports[way]}")


@pytest.mark.guard("base-url-host")
@pytest.mark.parametrize("host", ["evil.example.test", HOST, "", "127.0.0.1:1@evil.example.test"])
def test_a_base_url_under_another_name_is_refused(doors, exeat, mission, origin, host):
    with at(doors, "reverse") as sock:
        wire = Entered(exeat, sock, host, "/example", f"Proxy-Authorization: {basic(mission['pass'])}")
        denied(wire.ask("GET", "/v1/refunds"))
    assert origin.connections == []


@pytest.mark.guard("base-url-site")
def test_a_page_of_another_site_asks_in_vain(doors, exeat, mission, origin):
    with reverse(doors, exeat) as wire:
        answer = wire.ask(
            "POST",
            "/example/v1/refunds",
            "Sec-Fetch-Site: cross-site",
            f"Proxy-Authorization: {basic(mission['pass'])}",
        )
    refused(answer, "request_malformed", status=400)
    assert origin.connections == []


def test_without_a_pass_a_base_url_answers_403_and_not_407(doors, exeat, mission, origin):
    with reverse(doors, exeat) as wire:
        answer = wire.ask("GET", "/example/v1/refunds")
    refused(answer, "identity_missing", status=403)
    assert answer.header("proxy-authenticate") == ""


def test_a_base_url_is_no_proxy(doors, exeat, mission, origin):
    for data in (
        f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n",
        f"GET https://{HOST}/v1/refunds HTTP/1.1\r\nHost: {HOST}\r\n",
    ):
        with at(doors, "reverse") as sock:
            line = f"Proxy-Authorization: {basic(mission['pass'])}\r\n\r\n"
            denied(Entered(exeat, sock, HOST).send(data + line).response())
    assert origin.connections == []


def test_answers_lead_back_to_the_base_url(doors, exeat, mission, origin):
    base = mission["base_urls"]["example"]
    here = f"127.0.0.1:{doors.ports['reverse']}"
    assert base == f"http://{here}/example"
    done = subprocess.run(
        ["curl", "-sS", "-i", "-H", f"Proxy-Authorization: {basic(mission['pass'])}", f"{base}/cookie"],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert "200" in done.stdout.splitlines()[0], done.stdout
    assert HOST not in done.stdout.partition("\n\n")[0]


def test_two_agents_on_one_connection_to_a_base_url_conflict(doors, exeat, mission, origin):
    other = exeat.open(agent="report-bot")
    with reverse(doors, exeat) as wire:
        line = "Proxy-Authorization: "
        assert wire.ask("GET", "/example/v1/refunds", line + basic(mission["pass"])).status == 200
        refused(wire.ask("GET", "/example/v1/refunds", line + basic(other["pass"])), "identity_conflict")
    assert len(origin.requests) == 1
