"""Replicas on one PostgreSQL: a change made at one is made at all, and one that can't hear of it stops serving."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta

import pytest

from rig.config import Config
from rig.moments import stopped, uploading
from rig.proxy import Exeat, check_what_was_written
from rig.relay import Relay
from rig.wire import ask, refused, tunnel

HOST = "api.example.test"


@pytest.fixture(scope="module")
def path(postgres):
    """The way of the third replica to the database."""
    with Relay(postgres.port) as made:
        yield made


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, origin, authority, postgres, path):
    """Three replicas; they share their keys, so that a pass of one is a pass of all."""
    home, url = tmp_path_factory.mktemp("fleet"), postgres.database()
    made = []
    with contextlib.ExitStack() as stack:
        for number in range(3):
            config = Config(origin, authority.file)
            config.resolve("added.example.test", 443, origin.port)
            config.tables["store"]["url"] = url if number < 2 else url.replace(f":{postgres.port}/", f":{path.port}/")
            config.tables["state"]["path"] = str(home / "state")
            config.tables["audit"]["path"] = str(home / "audit")
            config.tables["issuer"] = {"url": "https://exeat.example.test"}
            made.append(stack.enter_context(Exeat(tmp_path_factory.mktemp(f"replica{number}"), config)))
        yield made
    check_what_was_written(made[0])


@pytest.fixture
def mission(fleet, origin):
    opened = fleet[0].open()
    origin.wait_quiet(0.02)
    origin.clear()
    return opened


def up(exeat, mission, limit=15.0):
    """Wait until a replica serves a mission."""
    deadline = time.monotonic() + limit
    while ask(exeat, mission, "GET", "/v1/refunds").status != 200:
        assert time.monotonic() < deadline, exeat.log_text()[-3000:]
        time.sleep(0.1)


def test_what_one_opens_all_serve_and_what_one_ends_is_ended_everywhere(fleet, mission, origin):
    """At the moment the call returns, whoever is asked."""
    kept = [tunnel(replica, mission) for replica in fleet]
    assert [wire.request("GET", "/v1/refunds", host=HOST).status for wire in kept] == [200, 200, 200]
    applied = fleet[1].end(mission)["applied"]
    assert applied["lapsed"] == []
    for replica, wire in zip(fleet, kept, strict=True):
        assert wire.request("GET", "/v1/refunds", host=HOST).closed
        wire.close()
        refused(ask(replica, mission, "GET", "/v1/refunds"), "mission_ended", status=403)
    records = fleet[0].audit_records("mission", event="applied", mission=mission["mission"])
    assert [record["connections_cut"] for record in records] == [1, 1]


@pytest.mark.guard("replica-reads-destinations")
def test_a_destination_is_added_and_removed_everywhere_at_once(fleet, origin):
    """At the moment each call returns, whoever is asked; and what is under way is cut at each."""
    host = "added.example.test"
    ends = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    asked = {"destination": host, "owner": "net", "reason": "a trial", "expires": ends}
    added = fleet[0].admin("POST", "/v1/destinations", asked).ok()
    body = {
        "agents": ["invoice-bot"], "destinations": [host], "operations": ["http:read"], "purpose": "a trial", "owner": "net",
    }  # fmt: skip
    mission = fleet[1].admin("POST", "/v1/missions", body).ok()
    kept = [tunnel(replica, mission, host) for replica in fleet]
    assert [wire.request("GET", "/echo", host=host).status for wire in kept] == [200, 200, 200]
    removed = fleet[2].admin("DELETE", f"/v1/destinations/{added['id']}").ok()
    assert removed["applied"]["lapsed"] == []
    for replica, wire in zip(fleet, kept, strict=True):
        assert wire.request("GET", "/echo", host=host).closed
        wire.close()
        refused(ask(replica, mission, "GET", "/echo", host=host), "destination_not_allowed")
        assert replica.admin("POST", "/v1/missions", body).body["code"] == "ceiling_exceeded"


def test_a_suspended_mission_is_suspended_everywhere(fleet, mission, origin):
    for replica in fleet:
        replica.end(mission, "suspend")
        for each in fleet:
            refused(ask(each, mission, "GET", "/v1/refunds"), "mission_suspended", status=403)
        replica.end(mission, "resume")
        assert [ask(each, mission, "GET", "/v1/refunds").status for each in fleet] == [200, 200, 200]


@pytest.mark.guard("replicas-confirm")
def test_a_replica_that_is_stopped_sends_nothing_when_it_goes_on(fleet, mission, origin):
    """The revoke waits for its lease and no longer; what it wakes up with is of no use."""
    wire, stop = uploading(fleet[2], mission, origin)
    with stopped(fleet[2].process.pid):
        applied = fleet[0].end(mission)["applied"]
        assert len(applied["lapsed"]) == 1
        origin.wait_quiet()
        counted = origin.bytes_received
        again = fleet[0].open()
        assert fleet[0].end(again)["applied"]["lapsed"] == []  # nobody waits for it a second time
    time.sleep(0.5)
    stop.set()
    origin.wait_quiet()
    assert origin.bytes_received == counted
    assert wire.response().closed
    wire.close()
    up(fleet[2], fleet[0].open())


def test_a_replica_that_is_cut_off_from_the_store_stops_serving(fleet, mission, origin, path):
    """Its agents reach it, it reaches origins, and only what others decided doesn't reach it: so it refuses."""
    wire = tunnel(fleet[2], mission)
    assert wire.request("GET", "/v1/refunds", host=HOST).status == 200
    with path.cut():
        applied = fleet[0].end(mission)["applied"]
        assert len(applied["lapsed"]) == 1
        origin.clear()
        with contextlib.suppress(OSError):
            assert wire.request("GET", "/v1/refunds", host=HOST).status != 200
        refused(ask(fleet[2], mission, "GET", "/v1/refunds"), "state_stale", status=503)
        wire.close()
        assert origin.requests == []
        other = fleet[0].open()
        assert ask(fleet[1], other, "GET", "/v1/refunds").status == 200
    up(fleet[2], other)
    refused(ask(fleet[2], mission, "GET", "/v1/refunds"), "mission_ended", status=403)


def test_a_killed_replica_is_not_waited_for_twice(fleet, mission, origin):
    fleet[1].kill()
    first = fleet[0].end(mission)["applied"]
    second = fleet[0].end(fleet[0].open())["applied"]
    assert (len(first["lapsed"]), second["lapsed"]) == (1, [])
    fleet[1].start()
    refused(ask(fleet[1], mission, "GET", "/v1/refunds"), "mission_ended", status=403)


def test_without_the_database_nobody_serves_and_all_is_well_when_it_is_back(fleet, mission, origin, postgres):
    """Killed as in a crash; what was committed is there afterwards, and what wasn't confirmed is cut all the same."""
    wires = [tunnel(replica, mission) for replica in fleet]
    postgres.stop("immediate")
    try:
        time.sleep(1.3)
        for replica in fleet:
            refused(ask(replica, mission, "GET", "/v1/refunds"), "state_stale", status=503)
        assert fleet[0].admin("POST", f"/v1/missions/{mission['mission']}/revoke", {}).status == 503
    finally:
        postgres.start()
    for wire in wires:
        wire.close()
    for replica in fleet:
        up(replica, fleet[0].open(agent="report-bot"))
    fleet[2].end(mission)
    for replica in fleet:
        refused(ask(replica, mission, "GET", "/v1/refunds"), "mission_ended", status=403)
