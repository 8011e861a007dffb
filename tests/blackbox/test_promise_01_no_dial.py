"""Promise 1, no dial: a refused request causes no lookup, no packet and no connection towards its target."""

from __future__ import annotations

import pytest

from rig.faults import World
from rig.wire import Wire, ask, refused, tunnel

PUBLIC = "203.0.113.77"
"""A documentation address stands for a public one only where the test says so; nothing is ever sent to it."""
ROUTABLE = "93.184.215.14"


@pytest.fixture(scope="module")
def world(tmp_path_factory, decoy):
    return World(
        tmp_path_factory.mktemp("world"),
        names={
            "private.example.test": ["127.0.0.1"],
            "mapped.example.test": ["::ffff:127.0.0.1"],
            "meta.example.test": ["169.254.169.254"],
            "cgnat.example.test": ["100.64.0.1"],
            "moved.example.test": [ROUTABLE],
        },
        divert={f"{ROUTABLE}:{decoy.port}": f"127.0.0.1:{decoy.port}"},
    )


@pytest.fixture(scope="module")
def config(config, world, decoy):
    world.install(config)
    for name in ("private", "mapped", "meta", "cgnat", "moved"):
        config.allow(f"{name}.example.test", decoy.port)
        del config.tables["upstream"]["resolve"][f"{name}.example.test:{decoy.port}"]
    config.allow("self.example.test", config.port, local=config.port)
    config.allow("admin.example.test", config.admin_port, local=config.admin_port)
    return config


@pytest.mark.row("N11")
def test_a_destination_outside_the_mission_is_refused_without_lookup_or_connection(exeat, mission, world, decoy):
    before = len(world.dials())
    refused(ask(exeat, mission, "GET", "/", host="evil.example.test"), "destination_not_allowed", status=403)
    refused(ask(exeat, mission, "GET", "/", host="unchosen.example.test"), "destination_not_allowed")
    refused(ask(exeat, mission, "GET", "/", host="secret-data.elsewhere.test"), "destination_not_allowed")
    decoy.wait_quiet()
    assert decoy.connections == []
    assert world.dials()[before:] == []


def test_a_plain_request_to_a_refused_destination_dials_nothing(exeat, mission, world, decoy):
    before = len(world.dials())
    with Wire(exeat) as wire:
        answer = wire.request(
            "GET", "http://evil.example.test/x", f"Proxy-Authorization: {_basic(mission)}", host="evil.example.test"
        )
    refused(answer, "destination_not_allowed")
    assert decoy.connections == []
    assert world.dials()[before:] == []


@pytest.mark.guard("allow-stamp")
def test_a_request_that_policy_denies_reaches_no_origin(exeat, mission, world, origin):
    before = len(world.dials())
    problem = refused(ask(exeat, mission, "POST", "/v1/payouts", body=b"{}"), "policy_denied", status=403)
    assert "treasury" in str(problem)
    refused(ask(exeat, mission, "DELETE", "/v1/refunds/7"), "policy_denied")
    refused(ask(exeat, mission, "GET", "/nothing/known"), "operation_unknown")
    origin.wait_quiet()
    assert origin.connections == []
    assert world.dials()[before:] == []


def test_a_tunnel_alone_dials_nothing(exeat, mission, origin):
    with tunnel(exeat, mission):
        origin.wait_quiet()
        assert origin.connections == []


def test_without_a_pass_nothing_is_dialled(exeat, mission, origin):
    with Wire(exeat) as wire:
        answer = wire.connect("api.example.test:443", None)
    assert answer.status == 407
    assert answer.header("proxy-authenticate").startswith("Basic")
    origin.wait_quiet(0.05)
    assert origin.connections == []


@pytest.mark.guard("address-check")
@pytest.mark.parametrize("name", ["private", "mapped", "meta", "cgnat"])
@pytest.mark.row("N06")
def test_a_permitted_name_with_a_refused_address_opens_no_connection(exeat, mission, world, decoy, name):
    before = len(world.dials())
    host = f"{name}.example.test"
    with tunnel(exeat, mission, host, decoy.port) as wire:
        answer = wire.request("GET", "/", host=f"{host}:{decoy.port}")
    refused(answer, "address_not_allowed", status=403)
    decoy.wait_quiet()
    assert decoy.connections == []
    assert [line for line in world.dials()[before:] if line.startswith("connect")] == []


@pytest.mark.guard("dial-grant")
def test_only_the_permitted_connection_is_opened(exeat, mission, origin, world):
    before = len(world.dials())
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    refused(ask(exeat, mission, "GET", "/", host="evil.example.test"), "destination_not_allowed")
    connects = [line for line in world.dials()[before:] if line.startswith("connect")]
    assert connects == [f"connect ('127.0.0.1', {origin.port})"]


@pytest.mark.guard("peer-compare")
@pytest.mark.row("N08")
def test_a_connection_that_ends_up_elsewhere_carries_no_byte(exeat, mission, decoy):
    host = "moved.example.test"
    with tunnel(exeat, mission, host, decoy.port) as wire:
        answer = wire.request("GET", "/", host=f"{host}:{decoy.port}")
    refused(answer, "address_not_allowed", "upstream_unreachable", "upstream_untrusted")
    decoy.wait_quiet()
    assert decoy.bytes_received == 0
    assert decoy.requests == []
    assert all(seen.sni is None for seen in decoy.connections), "not even a TLS hello"


@pytest.mark.guard("self-loop")
@pytest.mark.parametrize("name", ["self", "admin"])
@pytest.mark.row("N10")
def test_the_proxy_never_dials_itself(exeat, mission, name, world):
    port = exeat.port if name == "self" else exeat.admin_port
    before = len(world.dials())
    with Wire(exeat) as wire:
        host = f"{name}.example.test"
        answer = wire.connect(f"{host}:{port}", mission["pass"])
        if answer.status == 200:
            answer = wire.secure(mission["ca_file"], host).request("GET", "/healthz", host=f"{host}:{port}")
    refused(answer, "address_not_allowed", "destination_not_allowed", "internal_error")
    assert [line for line in world.dials()[before:] if line.startswith("connect")] == []


def _basic(mission):
    from rig.wire import basic

    return basic(mission["pass"])
