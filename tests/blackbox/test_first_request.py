"""Just in time: a mission that opens at the first request of an agent whose identity is proven, by a template that allows it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from rig.issuer import Issuer, wait_for_keys
from rig.wire import Wire, refused
from rig.wire_h2 import H2Wire

PLAIN = "plain.example.test"
JOB, NEAR = "127.0.0.21", "127.0.0.22"


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as running:
        yield running


@pytest.fixture(scope="module")
def ways(config, issuer):
    """A scheduler's job known by its address, another one whom no template is for, and listeners of several kinds."""
    config.agent("job", addresses=[JOB])
    config.agent("near", addresses=[NEAR])
    config.agent("listed")
    config.agent("token-bot", jwt=[{"issuer": issuer.name, "subject": "token-bot"}])
    config.tables["identity"] = {"evidence": ["pass"], "jwt": [issuer.settings()]}
    config.tables["mission_template"] += [
        {**config.template, "name": "nightly", "agents": ["job"], "on_request": True, "ttl": "20m", "purpose": "nightly run",
         "owner": "ops", "budget": {"requests": 30}},
        {**config.template, "name": "by-token", "agents": ["token-bot"], "on_request": True},
        {**config.template, "name": "by-listener", "agents": ["listed"], "on_request": True, "idle": "1s"},
    ]  # fmt: skip
    return SimpleNamespace(
        address=config.listener(evidence=["address"]),
        either=config.listener(evidence=["address", "pass"]),
        listener=config.listener(evidence=["listener"], agent="prod/listed"),
        other=config.listener(evidence=["address"], mission="refunds"),
        placeholder=config.listener(evidence=["placeholder"]),
        token=config.listener(evidence=["jwt"]),
    )


@pytest.fixture(scope="module")
def exeat(ways, exeat):
    return wait_for_keys(exeat)


def get(exeat, port, source=JOB, path="/echo", host=PLAIN):
    with Wire(exeat, port=port, source=source) as wire:
        return wire.request("GET", f"http://{host}{path}", host=host)


def open_missions(exeat, template):
    found = exeat.admin("GET", "/v1/missions?limit=1000&state=open").ok()["missions"]
    return [each for each in found if each["template"] == template]


@pytest.fixture
def clean(exeat):
    """No mission of the job is open; what bars it is over when an operator has opened and closed one."""
    yield
    for each in open_missions(exeat, "nightly"):
        exeat.end(each, "close")


@pytest.mark.guard("one-for-all")
def test_many_first_requests_open_one_mission(exeat, ways, origin, clean):
    assert open_missions(exeat, "nightly") == []
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(exeat, ways.address), range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    [mission] = open_missions(exeat, "nightly")
    assert (mission["agents"], mission["owner"], mission["purpose"]) == (["job"], "ops", "nightly run")
    assert origin.last.one("exeat-mission") == mission["mission"]
    [record] = exeat.audit_records("mission", mission=mission["mission"], event="open")
    assert (record["by"], record["evidence"], record["budget"]) == ("exeat", ["address"], {"requests": 30})
    assert get(exeat, ways.address).status == 200
    assert len(open_missions(exeat, "nightly")) == 1
    assert exeat.audit_records("decision", mission=mission["mission"])[-1]["evidence"] == ["address"]


def test_who_has_none(exeat, ways, origin, clean):
    """No template, another listener's template, a destination outside it, no identity, only a placeholder: nothing opens."""
    before = len(exeat.audit_records("mission", event="open"))
    origin.clear()
    refused(get(exeat, ways.address, NEAR), "mission_missing")
    refused(get(exeat, ways.other), "mission_missing")
    refused(get(exeat, ways.address, host="evil.example.test"), "mission_missing")
    refused(get(exeat, ways.address, "127.0.0.99"), "identity_missing")
    refused(get(exeat, ways.placeholder), "identity_missing")
    assert len(exeat.audit_records("mission", event="open")) == before
    assert origin.connections == []


@pytest.mark.guard("revoked-stays-revoked")
@pytest.mark.parametrize(("verb", "code"), [("revoke", "mission_ended"), ("suspend", "mission_suspended")])
def test_what_was_revoked_is_not_opened_anew(exeat, ways, origin, clean, verb, code):
    """Not by asking again, not after a restart; an operator may. One that was closed was done: the next one is another task."""
    assert get(exeat, ways.address).status == 200
    [mission] = open_missions(exeat, "nightly")
    exeat.end(mission, verb)
    origin.clear()
    for _ in range(2):
        refused(get(exeat, ways.address), code)
        exeat.stop()
        exeat.start()
    assert origin.connections == []
    if verb == "suspend":
        exeat.end(mission, "resume")
        assert get(exeat, ways.address).status == 200
        exeat.end(mission, "close")
        assert get(exeat, ways.address).status == 200
        assert open_missions(exeat, "nightly")[0]["mission"] != mission["mission"]
    else:
        allowed = exeat.open("nightly", agent="job")
        assert get(exeat, ways.address).status == 200
        assert origin.last.one("exeat-mission") == allowed["mission"]


def test_a_listener_is_enough_and_idle_ends_it(exeat, ways, origin):
    """A job that runs now and then gets a mission for each run; near miss: one that asks often enough keeps its own."""
    assert get(exeat, ways.listener, "").status == 200
    [mission] = open_missions(exeat, "by-listener")
    for _ in range(8):
        time.sleep(0.7)
        assert get(exeat, ways.listener, "").status == 200
    assert [each["mission"] for each in open_missions(exeat, "by-listener")] == [mission["mission"]]
    deadline = time.monotonic() + 5
    while open_missions(exeat, "by-listener"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [record] = exeat.audit_records("mission", mission=mission["mission"], event="expire")
    assert (record["by"], record["cause"]) == ("exeat", "idle")
    assert get(exeat, ways.listener, "").status == 200
    assert open_missions(exeat, "by-listener")[0]["mission"] != mission["mission"]


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_a_token_opens_one_inside_a_tunnel(exeat, ways, origin, issuer, alpn):
    """The tunnel is there before the mission; whoever speaks in it acts for the mission from the first request on, and ends with it."""
    ca_file = exeat.open()["ca_file"]
    with Wire(exeat, port=ways.token) as wire:
        bearer = f"Proxy-Authorization: Bearer {issuer.token('token-bot')}"
        assert wire.connect("api.example.test:443", None, bearer).status == 200
        assert open_missions(exeat, "by-token") == []
        wire.secure(ca_file, "api.example.test", alpn)
        if alpn == "h2":
            h2 = H2Wire(exeat, {}, wire=wire)
            numbers = [h2.open("GET", "/v1/refunds") for _ in range(4)]
            assert h2.pump(8, lambda: all(h2.streams[n].ended for n in numbers))
            assert {h2.streams[n].status for n in numbers} == {200}
        else:
            assert wire.request("GET", "/v1/refunds", host="api.example.test").status == 200
            assert wire.request("POST", "/v1/refunds", host="api.example.test", body=b"{}").status == 201
        [mission] = open_missions(exeat, "by-token")
        assert {seen.one("exeat-mission") for seen in origin.requests[-2:]} == {mission["mission"]}
        figures = exeat.end(mission, "close")
        assert figures["applied"]["connections_cut"] == 1
