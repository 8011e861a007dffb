"""Two sessions beside each other: each has its own connections, TLS and tokens at an origin, whoever speaks in between."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from rig.account import untouched
from rig.wire import Wire, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
PLAIN = "plain.example.test"


@pytest.mark.row("R13")
@pytest.mark.parametrize("http2", [False, True])
def test_each_session_has_its_own_connections_at_the_origin(exeat, mission, origin, http2):
    """Two agents, and one agent in two missions, in turn on connections of their own, over both protocols."""
    sessions = [mission, exeat.open(agent="report-bot"), exeat.open()]
    with ExitStack() as stack:
        wires = [stack.enter_context(H2Wire(exeat, each) if http2 else tunnel(exeat, each)) for each in sessions]
        for _ in range(3):
            for wire in wires:
                answer = wire.request("GET", "/echo") if http2 else wire.request("GET", "/echo", host=HOST)
                assert answer.status == 200
    owners: dict[int, set[str]] = {}
    for seen in origin.requests:
        owners.setdefault(seen.connection.number, set()).add(seen.one("exeat-mission"))
    assert sorted(owners.values(), key=str) == sorted(({each["mission"]} for each in sessions), key=str)
    assert not any(seen.session_reused for seen in origin.connections)
    assert len({seen.one("authorization") for seen in origin.requests}) == len(sessions)
    assert {seen.connection.alpn for seen in origin.requests} == {"h2" if http2 else "http/1.1"}


@pytest.mark.row("R07")
def test_passes_in_turn_on_one_connection(exeat, mission, origin):
    """The first one shown is the connection's; the other ends it, and nothing is sent for either behind it."""
    other = exeat.open(agent="report-bot")
    one, two = (f"Proxy-Authorization: {basic(each['pass'])}\r\n" for each in (mission, other))
    head = f"GET http://{PLAIN}/echo HTTP/1.1\r\nHost: {PLAIN}\r\n"
    with Wire(exeat) as wire:
        wire.send(f"{head}{one}\r\n{head}{two}\r\n{head}{one}\r\n{head}{two}\r\n")
        assert wire.response().status == 200
        refused(wire.response(), "identity_conflict", status=403)
        assert wire.response().closed
    assert [seen.one("exeat-mission") for seen in origin.requests] == [mission["mission"]]


@pytest.mark.row("R07")
@pytest.mark.parametrize("first", ["connect", "plain"])
def test_a_tunnel_for_one_and_a_plain_request_of_another(exeat, mission, origin, first):
    other = exeat.open(agent="report-bot")
    head = (
        f"GET http://{PLAIN}/nowhere HTTP/1.1\r\nHost: {PLAIN}\r\nProxy-Authorization: {basic(mission['pass'])}\r\n\r\n"
    )
    with Wire(exeat) as wire:
        if first == "plain":
            refused(wire.send(head).response(), "operation_unknown")
            refused(wire.connect(f"{HOST}:443", other["pass"]), "identity_conflict", status=403)
        else:
            assert wire.connect(f"{HOST}:443", other["pass"]).status == 200
            assert wire.send(head).response().closed
    untouched(origin)


@pytest.mark.row("R07")
def test_a_pass_of_another_in_http2_changes_nobody(exeat, mission, origin):
    other = exeat.open(agent="report-bot")
    with H2Wire(exeat, mission) as wire:
        assert wire.request("GET", "/echo", ("proxy-authorization", basic(other["pass"]))).status == 200
        assert wire.request("GET", "/echo").status == 200
    assert {seen.one("exeat-mission") for seen in origin.requests} == {mission["mission"]}
