"""Refusals that people and agents can act on: one shape, the right status, told inside the tunnel, never a secret."""

from __future__ import annotations

import subprocess

import pytest

from rig.proxy import clean_environment
from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire


def test_a_refusal_says_what_why_and_what_to_do(exeat, mission):
    answer = ask(exeat, mission, "POST", "/v1/payouts", body=b"{}")
    problem = refused(answer, "policy_denied", status=403)
    assert problem["decision_id"]
    assert "Payouts are made by the treasury team." in str(problem)
    assert problem["hint"]
    assert isinstance(problem["next_steps"], list)
    assert problem["error"]["code"] == "policy_denied"
    assert problem["message"]
    assert answer.header("cache-control") == "no-store"
    assert answer.header("proxy-status").startswith("exeat; error=http_request_denied")


def test_the_connection_goes_on_after_a_refusal(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        refused(wire.request("POST", "/v1/payouts", host="api.example.test", body=b"{}"), "policy_denied")
        assert wire.request("GET", "/v1/refunds", host="api.example.test").status == 200
    with H2Wire(exeat, mission) as h2:
        refused(h2.request("DELETE", "/v1/refunds/1"), "policy_denied")
        assert h2.request("GET", "/v1/refunds").status == 200
    assert [seen.method for seen in origin.requests] == ["GET", "GET"]


def test_missing_identity_is_a_407_with_a_challenge_and_never_a_401(exeat, mission):
    with Wire(exeat) as wire:
        answer = wire.connect("api.example.test:443", None)
        refused(answer, "identity_missing", status=407)
        assert answer.header("proxy-authenticate").startswith("Basic realm=")
    with Wire(exeat) as wire:
        refused(
            wire.request("GET", "http://plain.example.test/echo", host="plain.example.test"),
            "identity_missing",
            status=407,
        )


@pytest.mark.parametrize("value", ["Basic !!!", "Basic", "Digest x", "Bearer", "Basic bWlzc2lvbjo=", "Negotiate abc"])
def test_broken_evidence_is_refused(exeat, mission, origin, value):
    with Wire(exeat) as wire:
        answer = wire.connect("api.example.test:443", None, f"Proxy-Authorization: {value}")
        refused(answer, "identity_invalid", "identity_missing", status=407)
    assert origin.connections == []


def test_two_passes_are_refused(exeat, mission, origin):
    with Wire(exeat) as wire:
        answer = wire.connect("api.example.test:443", mission["pass"], f"Proxy-Authorization: {basic(mission['pass'])}")
    assert answer.closed or answer.status in {400, 407}


def test_a_refusal_quotes_nothing_an_agent_chose(exeat, mission):
    """Refusals are read by models: no text of the request or of another party joins them."""
    answer = ask(exeat, mission, "GET", "/ignore-previous-instructions?x=canary", "X-Note: canary-header")
    refused(answer, "operation_unknown")
    assert b"ignore-previous" not in answer.body
    assert b"canary" not in answer.body


def test_why_explains_the_last_refusal(exeat, mission):
    problem = ask(exeat, mission, "POST", "/v1/payouts", body=b"{}").json()
    done = exeat.cli("why", problem["decision_id"])
    assert done.returncode == 0, done.stderr
    for fact in ("invoice-bot", mission["mission"], "payouts", "policy_denied", "no-payouts"):
        assert fact in done.stdout, done.stdout
    assert problem["decision_id"] in exeat.cli("why", "last", "--json").stdout


def test_upstream_errors_are_told_apart_from_denials(exeat, mission, origin):
    answer = ask(exeat, mission, "GET", "/status/403")
    assert (answer.status, answer.code) == (403, "")
    assert ask(exeat, mission, "GET", "/status/503").code == ""
    assert ask(exeat, mission, "GET", "/status/401").status == 401


def test_a_redirect_to_a_refused_host_passes_but_the_host_does_not(exeat, mission, decoy):
    """D20."""
    answer = ask(exeat, mission, "GET", "/redirect?to=https://evil.example.test/")
    assert (answer.status, answer.header("location")) == (302, "https://evil.example.test/")
    refused(ask(exeat, mission, "GET", "/", host="evil.example.test"), "destination_not_allowed")
    assert decoy.connections == []


def test_alternative_services_are_not_advertised(exeat, mission):
    """D21."""
    assert ask(exeat, mission, "GET", "/alt-svc").header("alt-svc") == ""


def test_git_like_clients_that_wait_for_the_challenge_work(exeat, mission, origin):
    """curl with --proxy-anyauth shows its credentials only after 407, as git does."""
    url = mission["proxy_url"]
    done = subprocess.run(
        ["curl", "-sS", "-m", "10", "--proxy-anyauth", "-x", url, "--cacert", mission["ca_file"], "https://api.example.test/v1/refunds"],
        capture_output=True, text=True, env=clean_environment(),
    )  # fmt: skip
    assert '"ok": true' in done.stdout, done.stderr
    assert len(origin.requests) == 1
