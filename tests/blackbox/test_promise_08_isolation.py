"""Promise 8, isolation: nothing of one session serves another."""

from __future__ import annotations

import pytest

from rig.wire import Wire, ask, basic, refused, tunnel

HOST = "api.example.test"


def test_tokens_of_two_sessions_differ_and_name_their_own(exeat, mission, origin):
    other, second = exeat.open(agent="report-bot"), exeat.open()
    origin.require_jwt(exeat.jwks_url, f"https://{HOST}")
    for each in (mission, other, second, mission):
        assert ask(exeat, each, "GET", "/v1/refunds").status == 200
    claims = [(seen.claims["sub"], seen.claims["mission"]) for seen in origin.requests]
    assert claims == [(each["agent"], each["mission"]) for each in (mission, other, second, mission)]
    assert len({seen.one("authorization") for seen in origin.requests}) == 3


@pytest.mark.row("R13")
def test_connections_and_tls_sessions_to_the_origin_are_never_shared(exeat, mission, origin):
    """R13."""
    other = exeat.open(agent="report-bot")
    with tunnel(exeat, mission) as one, tunnel(exeat, other) as two:
        for wire in (one, two, one, two):
            assert wire.request("GET", "/echo", host=HOST).status == 200
    owners: dict[int, set[str]] = {}
    for seen in origin.requests:
        owners.setdefault(seen.connection.number, set()).add(seen.one("exeat-mission"))
    assert all(len(missions) == 1 for missions in owners.values())
    assert len(owners) >= 2
    assert not any(seen.session_reused for seen in origin.connections)


@pytest.mark.row("R07")
@pytest.mark.guard("session-binding")
def test_a_tunnel_acts_for_the_session_that_opened_it(exeat, mission, origin):
    """R07: another pass inside the tunnel changes nothing, or is refused; it never borrows."""
    other = exeat.open(agent="report-bot")
    with tunnel(exeat, mission) as wire:
        answer = wire.request("GET", "/echo", f"Proxy-Authorization: {basic(other['pass'])}", host=HOST)
    if answer.status == 200:
        assert origin.last.one("exeat-mission") == mission["mission"]
    else:
        refused(answer, "identity_conflict")
        assert origin.requests == []


@pytest.mark.row("R07")
@pytest.mark.guard("session-binding")
def test_a_second_identity_on_one_connection_is_refused(exeat, mission, origin):
    """R07: a connection to the proxy belongs to one session."""
    other = exeat.open(agent="report-bot")
    with Wire(exeat) as wire:
        target = "http://plain.example.test/echo"
        first = wire.request("GET", target, f"Proxy-Authorization: {basic(mission['pass'])}", host="plain.example.test")
        assert first.status == 200
        second = wire.request("GET", target, f"Proxy-Authorization: {basic(other['pass'])}", host="plain.example.test")
    assert second.closed or second.code == "identity_conflict"
    assert [seen.one("exeat-mission") for seen in origin.requests] == [mission["mission"]]


@pytest.mark.row("R07")
def test_a_connection_without_a_new_pass_does_not_inherit_one(exeat, mission, origin):
    with Wire(exeat) as wire:
        target = "http://plain.example.test/echo"
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        assert wire.request("GET", target, line, host="plain.example.test").status == 200
        again = wire.request("GET", target, host="plain.example.test")
    assert again.closed or again.status in {403, 407}
    assert len(origin.requests) == 1


@pytest.mark.row("H07")
def test_the_placeholder_of_another_agent_is_foreign(exeat, mission, origin):
    """H07."""
    other = exeat.open(agent="report-bot")
    assert other["placeholders"]["example"] != mission["placeholders"]["example"]
    answer = ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {other['placeholders']['example']}")
    refused(answer, "credential_foreign", status=403)
    assert origin.connections == []


def test_a_mission_gives_its_agents_only_its_own_destinations(exeat, mission, origin):
    narrow = exeat.open(destinations=["cdn.example.test:443"])
    refused(ask(exeat, narrow, "GET", "/v1/refunds"), "destination_not_allowed")
    assert ask(exeat, narrow, "GET", "/echo", host="cdn.example.test").status == 200
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_a_read_only_mission_does_not_write(exeat, mission, origin):
    reader = exeat.open(read_only=True)
    assert ask(exeat, reader, "GET", "/v1/refunds").status == 200
    refused(ask(exeat, reader, "POST", "/v1/refunds", body=b"{}"), "policy_denied")
    assert [seen.method for seen in origin.requests] == ["GET"]
