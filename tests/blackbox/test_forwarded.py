"""A service may say that a credential we don't manage goes on as it is; ours is then never put beside it."""

from __future__ import annotations

import pytest

from rig.wire import ask, refused


@pytest.fixture(scope="module")
def config(config):
    config.service("example")["foreign"] = "forward"
    return config


@pytest.mark.row("H05")
def test_a_credential_of_the_agents_own_is_forwarded_alone(exeat, mission, origin):
    assert ask(exeat, mission, "GET", "/v1/refunds", "Authorization: Bearer its-own-credential").status == 200
    assert origin.last.header("authorization") == ["Bearer its-own-credential"]
    [decision] = exeat.audit_records("decision", mission=mission["mission"])
    seen = decision["credential"]
    assert (seen["state"], seen["grade"], seen["in"]) == ("forwarded", "none", "header")
    assert seen["fingerprint"].startswith("fp_")


@pytest.mark.row("H07")
def test_another_agents_placeholder_is_not(exeat, mission, origin):
    other = exeat.open(agent="report-bot")["placeholders"]["example"]
    refused(ask(exeat, mission, "GET", "/v1/refunds", f"Authorization: Bearer {other}"), "credential_foreign")
    assert origin.requests == []
