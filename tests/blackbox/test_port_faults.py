"""Promise 6 at every port: what raises, hangs, comes late or lies is refused with its code, and nothing reaches an origin.

Each fault is put below a serving process while it serves; when it is over, service is back by itself. A port that answers
at once (policy, clock, the audit's writes) can't be waited for by anybody: while it hangs nothing at all is done.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest

from rig.config import operation, service
from rig.proxy import Exeat
from rig.wire import CLOSED, Response, Wire, ask, refused
from rig.wire_h2 import H2Wire

HOST, RPC, NAMED = "api.example.test", "rpc.example.test", "named.example.test"
LIMIT = 1.0
WORLD = {"ports": True, "names": {NAMED: ["93.184.215.14"]}}


def configure(config, origin):
    config.tables["proxy"]["limits"] = {"decision": f"{LIMIT:g}s", "connect": f"{LIMIT:g}s"}
    config.allow(RPC)
    reads = operation("POST /graphql", "graph/write", "write", reader="graphql", select="mutation:*", max_body="64KiB")
    config.tables["service"].append(service("rpc", RPC, reads))
    config.template["operations"].append("rpc:*")
    config.allow(NAMED)
    del config.tables["upstream"]["resolve"][f"{NAMED}:443"]


@pytest.fixture(scope="module")
def exeat(tmp_path_factory, config):
    """Faults are logged, with where they came from: so this one's log isn't searched for that."""
    with Exeat(tmp_path_factory.mktemp("exeat"), config) as running:
        yield running
    verified = running.cli("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def attempt(exeat, mission, stage):
    """One request whose judgement happens in the hook that the stage stands for; a closed connection is an answer too."""
    try:
        if stage == "http2":
            with H2Wire(exeat, mission) as wire:
                return wire.request("GET", "/v1/refunds")
        host = {"body": RPC, "name": NAMED}.get(stage, HOST)
        with Wire(exeat) as wire:
            answer = wire.connect(f"{host}:443", mission["pass"])
            if answer.status != 200:
                return answer
            wire.secure(mission["ca_file"], host)
            if stage == "body":
                body = b'{"query": "mutation { createIssue { id } }"}'
                return wire.request("POST", "/graphql", "Content-Type: application/json", host=host, body=body)
            return wire.request("GET", "/v1/refunds", host=host)
    except (OSError, AssertionError):
        return CLOSED


AT_THE_GATE = {
    ("policy", "raise"): "policy_error",
    ("policy", "os"): "policy_error",
    ("policy", "panic"): "policy_error",
    ("policy", "cancel"): "policy_error",
    ("policy", "hang"): "internal_error",
    ("policy", "allow-with-errors"): "policy_error",
    ("policy", "allow-without-policies"): "policy_error",
    ("policy", "allow-by-unknown-policy"): "policy_error",
    ("policy", "no-decision"): "policy_error",
    ("policy", "deny-by-a-permit"): "policy_error",
    ("policy", "nothing"): "policy_error",
    ("judge", "raise"): "internal_error",
    ("judge", "panic"): "",
    ("judge", "hang"): "internal_error",
    ("judge", "nothing"): "policy_error",
    ("judge", "true"): "policy_error",
    ("judge", "without-policies"): "policy_error",
    ("issuer", "raise"): "token_unavailable",
    ("issuer", "refuse"): "token_unavailable",
    ("issuer", "os"): "token_unavailable",
    ("issuer", "panic"): "token_unavailable",
    ("issuer", "cancel"): "token_unavailable",
    ("issuer", "hang"): "token_unavailable",
    ("issuer", "nothing"): "token_unavailable",
    ("issuer", "text"): "token_unavailable",
    ("issuer", "lives-longer"): "token_too_wide",
    ("issuer", "lives-for-ever"): "token_too_wide",
    ("issuer", "is-over"): "token_unavailable",
    ("issuer", "not-a-number"): "token_too_wide",
    ("issuer", "another-grade"): "token_too_wide",
    ("broker", "raise"): "internal_error",
    ("broker", "refuse"): "token_unavailable",
    ("broker", "hang"): "token_unavailable",
    ("broker", "panic"): "",
    ("cache", "raise"): "internal_error",
    ("cache", "panic"): "",
    ("audit", "raise"): "audit_unavailable",
    ("audit", "refuse"): "audit_unavailable",
    ("audit", "os"): "audit_unavailable",
    ("audit", "panic"): "",
    ("disk", "full"): "audit_unavailable",
    ("disk", "read-only"): "audit_unavailable",
    ("disk", "partly"): "audit_unavailable",
    ("clock", "raise"): "audit_unavailable",
    ("clock", "panic"): "",
    ("clock", "an-hour-ahead"): "mission_ended",
    ("clock", "an-hour-behind"): "identity_invalid",
    ("clock", "not-a-number"): "*",
    ("clock", "for-ever"): "*",
    ("clock", "nothing"): "*",
    ("monotonic", "raise"): "*",
    ("monotonic", "backwards"): "*",  # jumps far ahead first: every mission's time is up
    ("passes", "raise"): "internal_error",
    ("passes", "refuse"): "identity_invalid",
    ("passes", "panic"): "",
    ("passes", "nothing"): "internal_error",
    ("passes", "somebody-else"): "mission_ended",
    ("passes", "no-such-mission"): "mission_ended",
}
"""The code that a caller sees; "" where the connection is closed instead, "*" where either will do."""
PASSES = [("policy", "late"), ("judge", "late"), ("issuer", "late"), ("broker", "late"), ("audit", "late"), ("disk", "late"),
          ("passes", "late"), ("monotonic", "stands-still")]  # fmt: skip
"""Faults that are none."""
CASES: list[Any] = [
    pytest.param(*fault, "head", marks=[pytest.mark.guard("late-decision")] if fault == ("judge", "hang") else [])
    for fault in AT_THE_GATE
]
CASES += [
    (port, mode, stage)
    for port, mode in AT_THE_GATE
    if mode in ("raise", "panic", "hang")
    for stage in ("body", "http2")
    if stage == "body" or port not in ("clock", "passes", "monotonic")  # which show at CONNECT already
]
"""Every fault in the hook that judges most requests, the plainest ones in the others too."""


@pytest.mark.row("C06", "M09")
@pytest.mark.parametrize(("port", "mode", "stage"), CASES)
def test_a_fault_at_a_port_refuses_and_passes_away(exeat, mission, origin, world, port, mode, stage):
    expected = AT_THE_GATE[port, mode]
    world.fault(port, mode)
    began = time.monotonic()
    answer = attempt(exeat, mission, stage)
    assert time.monotonic() - began < 10
    world.heal()
    assert world.struck()[-1:] == [f"{port} {mode}"], (answer, "the fault did not strike")
    _is_refused(answer, expected)
    origin.wait_quiet(0.05)
    assert origin.connections == []
    again = exeat.open()
    assert attempt(exeat, again, stage).status in (200, 201), "service is back when the fault is over"


def _is_refused(answer: Response, expected: str) -> None:
    if expected == "*":
        assert answer.closed or answer.status >= 400, answer
    elif expected:
        refused(answer, expected)
    else:
        assert answer.closed or not answer.complete or answer.status >= 500, answer


@pytest.mark.parametrize("stage", ["head", "body"])
@pytest.mark.parametrize(("port", "mode"), PASSES)
def test_what_is_only_a_little_late_passes(exeat, mission, origin, world, port, mode, stage):
    world.fault(port, mode)
    answer = attempt(exeat, mission, stage)
    world.heal()
    assert answer.status in (200, 201), answer
    assert world.struck()[-1] == f"{port} {mode}"


RESOLVERS = {
    "raise": "internal_error", "refuse": "upstream_unreachable", "os": "internal_error", "panic": "internal_error",
    "hang": "upstream_unreachable", "loopback": "address_not_allowed", "private": "address_not_allowed",
    "metadata": "address_not_allowed", "other-family": "address_not_allowed", "mapped": "address_not_allowed",
    "none": "upstream_unreachable", "nothing": "*", "garbage": "*", "a-name": "*",
}  # fmt: skip


@pytest.mark.row("N12")
@pytest.mark.parametrize("mode", RESOLVERS)
def test_a_resolver_that_fails_or_lies(exeat, mission, origin, world, mode):
    before = len(world.dials())
    world.fault("resolver", mode)
    began = time.monotonic()
    answer = attempt(exeat, mission, "name")
    assert time.monotonic() - began < LIMIT + 5
    world.heal()
    assert world.struck()[-1] == f"resolver {mode}"
    _is_refused(answer, RESOLVERS[mode])
    assert [line for line in world.dials()[before:] if line.startswith("connect")] == []
    assert origin.connections == []
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


@pytest.mark.parametrize("port", ["store.get", "store.replace"])
@pytest.mark.parametrize("mode", ["raise", "refuse", "os", "panic", "hang"])
def test_a_store_that_fails_does_not_keep_a_mission_alive(exeat, mission, origin, world, port, mode):
    """The call says that it isn't durable; the traffic is cut all the same, and repeating the call makes it whole."""
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    world.fault(port, mode)
    began = time.monotonic()
    answer = _end(exeat, mission, 40)
    assert answer is None or answer.status >= 500, answer
    assert time.monotonic() - began < 35
    origin.clear()
    if mode != "panic":
        assert attempt(exeat, mission, "head").code == "mission_ended"
    world.heal()
    assert exeat.admin("POST", f"/v1/missions/{mission['mission']}/revoke", {"reason": "again"}).status == 200
    refused(attempt(exeat, mission, "head"), "mission_ended")
    assert origin.connections == []


def _end(exeat, mission, limit):
    try:
        return exeat.admin("POST", f"/v1/missions/{mission['mission']}/revoke", {"reason": "test"}, limit=limit)
    except OSError:
        return None


@pytest.mark.guard("lost-mission-is-cut")
def test_a_store_that_has_lost_a_mission_does_not_keep_it_alive(exeat, mission, origin, world):
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    world.fault("store.get", "gone")
    answer = exeat.admin("POST", f"/v1/missions/{mission['mission']}/revoke", {"reason": "test"})
    assert answer.status == 503, answer
    assert "its traffic is cut" in str(answer.body)
    origin.clear()
    refused(attempt(exeat, mission, "head"), "mission_ended")
    assert origin.connections == []


@pytest.mark.parametrize(
    "mode", ["raise", "refuse", "panic", pytest.param("hang", marks=pytest.mark.guard("feed-must-confirm"))]
)
def test_a_change_feed_that_does_not_confirm_is_said_and_not_waited_for(exeat, mission, world, mode):
    world.fault("feed", mode)
    began = time.monotonic()
    answer = _end(exeat, mission, 40)
    assert time.monotonic() - began < 30
    assert answer is None or answer.status >= 500, answer
    world.heal()
    assert exeat.admin("POST", f"/v1/missions/{mission['mission']}/revoke", {"reason": "again"}).status == 200
    refused(attempt(exeat, mission, "head"), "mission_ended")


@pytest.mark.parametrize("port", ["store.add", "feed", "audit"])
@pytest.mark.parametrize("mode", ["raise", "refuse", "panic"])
def test_a_mission_that_can_not_be_opened_whole_is_not_opened(exeat, mission, origin, world, port, mode):
    world.fault(port, mode)
    opened = None
    with suppress(OSError):
        opened = exeat.admin("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"]})
    world.heal()
    assert opened is None or opened.status >= 500, opened
    assert opened is None or "pass" not in opened.body
    assert attempt(exeat, exeat.open(), "head").status == 200


def test_a_checkpoint_that_fails_is_tried_again(exeat, mission, origin, world):
    """Nothing is refused for it: the records are written, only not yet signed."""
    world.fault("checkpoint", "raise")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_records_that_a_disk_only_said_to_have_are_missed_and_told(make_exeat, origin, tmp_path):
    """The next second's look at the file finds it shorter than it should be: a new one is begun, and verify says so."""
    from rig.faults import World

    world = World(tmp_path, ports=True)
    exeat = make_exeat(origin, change=world.install).start()
    mission = exeat.open()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert exeat.cli("audit", "verify").returncode == 0
    world.fault("disk", "said-but-not")
    ask(exeat, mission, "GET", "/v1/refunds")
    world.heal()
    deadline = time.monotonic() + 5
    while "goes on in a new file" not in exeat.log_text():
        assert time.monotonic() < deadline, exeat.log_text()
        time.sleep(0.3)
        assert ask(exeat, mission, "GET", "/v1/refunds").status in (200, 503)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    told = exeat.cli("audit", "verify")
    assert told.returncode == 1, told.stdout


@pytest.mark.parametrize(("port", "mode"), [("secrets", "raise"), ("secrets", "refuse"), ("store.live", "refuse")])
def test_what_fails_at_the_start_starts_nothing(make_exeat, origin, tmp_path, port, mode):
    from rig.faults import World

    world = World(tmp_path, ports=True)
    exeat = make_exeat(origin, change=world.install)
    world.fault(port, mode)
    process = exeat.spawn()
    assert process.wait(20) not in (0, None)
    world.heal()
    exeat.start()
    assert ask(exeat, exeat.open(), "GET", "/v1/refunds").status == 200
