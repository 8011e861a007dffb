"""Destinations looked after: an added entry works at once, and one that is removed or expires stops at once."""

from __future__ import annotations

import os
import select
import subprocess
import termios
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from rig.proxy import COMMAND, clean_environment
from rig.wire import ask, refused, tunnel
from rig.wire_h2 import H2Wire

ADDED, OTHER = "added.example.test", "other.example.test"


def configure(config, origin):
    config.tables["proxy"]["workers"] = 2
    for host in (ADDED, OTHER):
        config.resolve(host, 443, origin.port)


def _after(**more):
    return (datetime.now(UTC) + timedelta(**more)).isoformat()


def _add(exeat, host=ADDED, **fields):
    body = {"destination": host, "owner": "payments", "reason": "a test", "expires": _after(hours=1), **fields}
    return exeat.admin("POST", "/v1/destinations", body).ok()


def _mission(exeat, *hosts, **fields):
    body = {
        "agents": ["invoice-bot"], "destinations": [f"{host}:443" for host in hosts], "operations": ["http:read"],
        "purpose": "a test", "owner": "tests", "ttl": "10m", **fields,
    }  # fmt: skip
    return exeat.admin("POST", "/v1/missions", body)


def _remove(exeat, entry):
    return exeat.admin("DELETE", f"/v1/destinations/{entry['id']}").ok()


@pytest.fixture
def entry(exeat):
    added = _add(exeat)
    yield added
    _remove(exeat, added)


@contextmanager
def _streaming(exeat, mission, origin, host=ADDED):
    """A connection on which an answer is under way, and the origin's side of it."""
    before = len(origin.requests)
    with tunnel(exeat, mission, host) as wire:
        wire.send(f"GET /drip HTTP/1.1\r\nHost: {host}\r\n\r\n")
        yield wire, origin.wait_for(before + 1).connection


def test_an_added_destination_works_at_once_and_a_removed_one_is_refused_at_once(exeat, origin):
    assert _mission(exeat, ADDED).body["code"] == "ceiling_exceeded"
    added = _add(exeat)
    mission = _mission(exeat, ADDED).ok()
    assert ask(exeat, mission, "GET", "/echo", host=ADDED).status == 200
    connections = len(origin.connections)
    _remove(exeat, added)
    refused(ask(exeat, mission, "GET", "/echo", host=ADDED), "destination_not_allowed")
    assert len(origin.connections) == connections
    assert _mission(exeat, ADDED).body["code"] == "ceiling_exceeded"
    events = [record["event"] for record in exeat.audit_records("admin", destination_id=added["id"])]
    assert events == ["destination_add", "destination_remove", "destination_remove_applied"]


@pytest.mark.guard("lost-destination-is-cut")
def test_an_open_stream_to_a_removed_destination_is_cut_and_no_other(exeat, origin):
    added, other = _add(exeat), _add(exeat, OTHER)
    mission = _mission(exeat, ADDED, OTHER).ok()
    streams = _streaming(exeat, mission, origin), _streaming(exeat, mission, origin, OTHER)
    with streams[0] as (wire, connection), streams[1] as (_, kept):
        applied = _remove(exeat, added)["applied"]
        returned = time.monotonic()
        assert applied["connections_cut"] == 1
        assert not wire.response().complete
        assert time.monotonic() - returned < 0.5
        origin.wait_quiet()
        assert connection.closed_at is not None
        assert kept.closed_at is None, "a stream to another destination was cut"
    outcomes = exeat.audit_records("outcome", mission=mission["mission"], code="destination_not_allowed")
    assert [outcome["outcome"] for outcome in outcomes] == ["unknown"]
    _remove(exeat, other)


def test_an_idle_tunnel_and_streams_of_http2_are_cut(exeat, origin):
    added = _add(exeat)
    mission = _mission(exeat, ADDED).ok()
    with tunnel(exeat, mission, ADDED) as idle, H2Wire(exeat, mission, ADDED) as wire:
        assert idle.request("GET", "/echo", host=ADDED).status == 200
        number = wire.open("GET", "/drip")
        assert wire.pump(5, lambda: wire.streams[number].body)
        assert _remove(exeat, added)["applied"]["connections_cut"] == 2
        assert wire.pump(1, lambda: wire.streams[number].reset) or wire.closed
        assert idle.response().closed


def test_a_stream_goes_on_while_another_entry_allows_it(exeat, origin):
    wide, narrow = _add(exeat, "*.example.test"), _add(exeat)
    mission = _mission(exeat, ADDED).ok()
    with _streaming(exeat, mission, origin) as (wire, connection):
        assert _remove(exeat, narrow)["applied"]["connections_cut"] == 0
        time.sleep(0.3)
        assert connection.closed_at is None
        assert ask(exeat, mission, "GET", "/echo", host=ADDED).status == 200
        assert _remove(exeat, wide)["applied"]["connections_cut"] == 1
        assert not wire.response().complete


@pytest.mark.guard("destination-expiry-chore")
def test_an_entry_that_expires_ends_what_is_under_way(exeat, origin):
    ends = datetime.now(UTC) + timedelta(seconds=2)
    added, longer = _add(exeat, expires=ends.isoformat()), _add(exeat)
    mission = _mission(exeat, ADDED).ok()
    _remove(exeat, longer)  # the mission was opened below another entry; from now on only the short one counts
    with _streaming(exeat, mission, origin) as (wire, _):
        assert ask(exeat, mission, "GET", "/echo", host=ADDED).status == 200
        assert not wire.response(limit=5).complete
        late = time.time() - ends.timestamp()
    assert -0.05 < late < 0.8, f"cut {late:.3f} s after its end"
    refused(ask(exeat, mission, "GET", "/echo", host=ADDED), "destination_not_allowed")
    assert exeat.audit_records("admin", event="destination_expired", destination=f"{ADDED}:443")
    _remove(exeat, added)


def test_added_entries_and_last_uses_outlive_a_restart(exeat, entry):
    mission = _mission(exeat, ADDED).ok()
    assert ask(exeat, mission, "GET", "/echo", host=ADDED).status == 200
    exeat.stop()
    exeat.start()
    assert ask(exeat, mission, "GET", "/echo", host=ADDED).status == 200
    lines = exeat.admin("GET", "/v1/destinations/report").ok()["destinations"]
    [line] = [each for each in lines if each["id"] == entry["id"]]
    assert line["last_used_by"] == "spiffe://exeat.internal/env/prod/agent/invoice-bot"
    assert line["last_mission"] == mission["mission"]
    assert mission["mission"] in line["missions"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"owner": " "}, "owner"), ({"reason": ""}, "reason"), ({"expires": _after(seconds=-1)}, "expires"),
        ({"expires": "tomorrow"}, "expires"), ({"destination": "10.0.0.1:443"}, "destination"), ({"destination": "*.test"}, "destination"),
    ],
)  # fmt: skip
def test_what_may_not_be_added_says_which_field(exeat, fields, field):
    body = {"destination": ADDED, "owner": "a", "reason": "b", "expires": _after(days=1), **fields}
    answer = exeat.admin("POST", "/v1/destinations", body)
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == [field]


def test_the_command_line_adds_lists_reports_and_removes(exeat):
    day = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
    added = exeat.cli(
        "destination", "add", ADDED, "--owner", "ana", "--reason", "why", "--expires", day, "--ticket", "NET-7"
    )
    assert added.returncode == 0, added.stderr
    listed = exeat.cli("destination", "list").stdout.splitlines()
    assert listed[0].split() == ["DESTINATION", "OWNER", "TICKET", "EXPIRES", "FROM", "REASON"]
    [line] = [line for line in listed if ADDED in line]
    assert "NET-7" in line
    assert any("exeat.toml" in line for line in listed)
    report = exeat.cli("destination", "report", "--json")
    assert report.returncode == 1, report.stderr
    [entry] = [each for each in orjson.loads(report.stdout)["destinations"] if each["destination"] == f"{ADDED}:443"]
    assert [finding["kind"] for finding in entry["findings"]] == ["expiring"]
    shown = exeat.cli("destination", "report")
    assert shown.returncode == 1
    assert [line for line in shown.stdout.splitlines() if ADDED in line and "expiring: " in line]
    assert "api.example.test" not in shown.stdout, "an entry without a finding"
    assert exeat.cli("destination", "report", "--expiring", "5").returncode == 0
    fixed = exeat.cli("destination", "remove", "api.example.test")
    assert fixed.returncode == 2
    assert "configuration" in fixed.stderr
    removed = exeat.cli("destination", "remove", ADDED, "--reason", "done")
    assert removed.returncode == 0, removed.stderr
    assert exeat.cli("destination", "report").returncode == 0
    assert exeat.cli("destination", "remove", ADDED).returncode == 1


def test_one_picture_of_what_goes_on(exeat, entry):
    mission = _mission(exeat, ADDED).ok()
    for _ in range(3):
        assert ask(exeat, mission, "GET", "/echo", host=ADDED).status == 200
    refused(ask(exeat, mission, "GET", "/echo", host=OTHER), "destination_not_allowed")
    time.sleep(1.2)  # figures are reported once a second
    answer = orjson.loads(exeat.cli("top", "--json").stdout)
    [shown] = [each for each in answer["missions"] if each["mission"] == mission["mission"]]
    assert (shown["requests"], shown["refusals"]) == (4, 1)
    assert answer["refusals"]["destination_not_allowed"] >= 1
    assert answer["rates"]["requests"] > 0
    assert [worker["worker"] for worker in answer["workers"]] == ["w0", "w1"]
    assert all(worker["reported_ms_ago"] < 3000 for worker in answer["workers"])
    done = exeat.cli("top", "--once", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert mission["mission"] in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80, done.stdout


def test_the_live_picture_ends_with_q_and_leaves_the_terminal_as_it_was(exeat, entry):
    mission = _mission(exeat, ADDED).ok()
    ours, theirs = os.openpty()
    environ = clean_environment() | {"EXEAT_CONFIG": str(exeat.file), "COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    before = termios.tcgetattr(theirs)
    arguments = [*COMMAND, "top", "--interval", "30", "--limit", "1000"]
    process = subprocess.Popen(arguments, cwd=exeat.folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        shown, deadline = b"", time.monotonic() + 20
        while mission["mission"].encode() not in shown and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 65536)
        assert mission["mission"].encode() in shown, shown[-2000:]
        os.write(ours, b"q")
        assert process.wait(10) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait(5)
        os.close(ours)
        os.close(theirs)
