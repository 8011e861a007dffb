"""Several workers on one host: they share the ports, survive each other, and none outlives what it may know."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from rig.config import SHARED_KEY
from rig.moments import stopped, uploading
from rig.wire import Wire, ask, refused, tunnel

HOST = "api.example.test"
WORKERS = 3


def configure(config, origin):
    config.environ["EXEAT_PROXY__WORKERS"] = str(WORKERS)
    config.service("example")["cookies"] = "custody"


def workers(exeat, count=WORKERS, limit=30.0, instead=()):
    """Process ids by name, once ``count`` workers have said how they are doing and are all current, none of them ``instead``."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        said = exeat.admin("GET", "/v1/status").ok()["workers"]
        up = {
            name: each["pid"] for name, each in said.items() if "pid" in each and each["current"] and alive(each["pid"])
        }
        if len(up) == count and not set(up.values()) & set(instead):
            return up
        time.sleep(0.05)
    raise AssertionError(f"not {count} workers: {said}\n{exeat.log_text()[-2000:]}")


def alive(pid):
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def serving(wire):
    """The process that holds the other end of a connection."""
    port = wire.sock.getsockname()[1]
    found = subprocess.run(
        ["ss", "-Htnp", "state", "established", f"( dport = :{port} )"], capture_output=True, text=True, check=True
    ).stdout
    return int(found.partition("pid=")[2].partition(",")[0] or 0)


def to_all(exeat, mission):
    """As many tunnels as it takes until each worker holds one."""
    missing, wires = set(workers(exeat).values()), []
    while missing:
        assert len(wires) < 100, f"no connection reaches {missing}"
        wires.append(tunnel(exeat, mission))
        missing.discard(serving(wires[-1]))
    return wires


def test_they_all_serve_and_know_the_same(exeat, mission, origin):
    """Enough connections reach every worker; an ended mission is ended in all of them."""
    wires = to_all(exeat, mission)
    for wire in wires:
        assert wire.request("GET", "/v1/refunds", host=HOST).status == 200
    applied = exeat.end(mission)["applied"]
    assert applied["workers"] == WORKERS
    assert applied["connections_cut"] == len(wires)
    assert applied["lapsed"] == []
    for wire in wires:
        assert wire.request("GET", "/v1/refunds", host=HOST).closed
        wire.close()
    for _ in range(8):
        refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended", status=403)


def test_one_that_is_killed_takes_only_its_own_connections_along(exeat, mission, origin):
    wires = [tunnel(exeat, mission) for _ in range(12)]
    victim = serving(wires[0])
    os.kill(victim, signal.SIGKILL)
    exeat.lossy = True
    others = [wire for wire in wires if serving(wire) not in (victim, 0)]
    assert others
    assert all(wire.request("GET", "/v1/refunds", host=HOST).status == 200 for wire in others)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200  # at once: nobody waits for the one that is gone
    assert victim not in workers(exeat).values()
    (record,) = exeat.audit_records("admin", event="worker_ended")[-1:]
    assert record["status"] == -signal.SIGKILL
    for wire in wires:
        wire.close()


def test_one_that_starts_anew_knows_what_the_others_know(exeat, mission, origin):
    """What was opened and ended before it was there."""
    other = exeat.open(agent="report-bot")
    exeat.end(other)
    exeat.lossy = True
    before = set(workers(exeat).values())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    workers(exeat, instead=before)
    assert [ask(exeat, mission, "GET", "/v1/refunds").status for _ in range(6)] == [200] * 6
    for _ in range(6):
        refused(ask(exeat, other, "GET", "/v1/refunds"), "mission_ended", status=403)


@pytest.mark.guard("lease-at-every-byte")
@pytest.mark.guard("members-confirm")
def test_one_that_is_stopped_sends_nothing_when_it_goes_on(exeat, mission, origin):
    """The revoke returns without it, once its lease has run out; then it may wake up and find bytes to send."""
    names = {pid: name for name, pid in workers(exeat).items()}
    wire, stop = uploading(exeat, mission, origin)
    victim = serving(wire)
    with stopped(victim):
        applied = exeat.end(mission)["applied"]
        assert applied["lapsed"] == [names[victim]]
        assert applied["workers"] == WORKERS - 1
        origin.wait_quiet()
        counted = origin.bytes_received
    time.sleep(0.3)
    stop.set()
    origin.wait_quiet()
    assert origin.bytes_received == counted
    assert wire.response().closed
    wire.close()
    assert workers(exeat)[names[victim]] == victim  # and it serves again, without the mission
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended", status=403)


@pytest.mark.guard("lease-before-deciding")
def test_without_the_supervisor_they_refuse_until_it_is_back(exeat, mission, origin):
    with tunnel(exeat, mission) as kept, stopped(exeat.process.pid):
        assert kept.request("GET", "/v1/refunds", host=HOST).status == 200
        time.sleep(1.2)
        refused(ask(exeat, mission, "GET", "/v1/refunds"), "state_stale", status=503)
    workers(exeat)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_a_lease_that_stays_away_resets_what_is_open(exeat, mission, origin):
    """An answer that streams sends nothing to the origin; it is cut all the same."""
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        origin.wait_for()
        with stopped(exeat.process.pid):
            answer = wire.response(limit=5)
    assert not answer.complete
    workers(exeat)


def test_none_outlives_the_supervisor(exeat, mission, origin):
    pids = workers(exeat).values()
    wire, stop = uploading(exeat, mission, origin)
    exeat.kill()
    deadline = time.monotonic() + 5
    while any(alive(pid) and state(pid) != "Z" for pid in pids):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.02)
    stop.set()
    assert wire.response().closed
    wire.close()
    exeat.start()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200  # the mission was stored


def state(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    return "Z"


def test_what_one_of_them_keeps_all_of_them_put_back(exeat, mission, origin):
    """The origin's cookie comes to one worker; the agent's next requests go to any, also to one that started later."""
    fields = dict(ask(exeat, mission, "GET", "/cookie").headers)
    held = fields["set-cookie"].partition(";")[0]
    assert "origin-session" not in held
    exeat.lossy = True
    victim = next(iter(workers(exeat).values()))
    os.kill(victim, signal.SIGKILL)
    workers(exeat, instead=[victim])
    origin.clear()
    for wire in to_all(exeat, mission):
        assert wire.request("GET", "/v1/refunds", f"Cookie: {held}", host=HOST).status == 200
        wire.close()
    assert {tuple(seen.header("cookie")) for seen in origin.requests} == {("sid=origin-session",)}


def test_they_are_replaced_without_a_connection_lost(exeat, mission, origin):
    """SIGHUP: whoever asks meanwhile is answered, old connections go on until they are done."""
    before, stop, answers = workers(exeat), threading.Event(), []

    def keep_asking():
        while not stop.is_set():
            try:
                answers.append(ask(exeat, mission, "GET", "/v1/refunds").status)
            except OSError as error:
                answers.append(repr(error))

    asking = threading.Thread(target=keep_asking, daemon=True)
    asking.start()
    with tunnel(exeat, mission) as kept:
        kept.send(f"GET /slow?s=2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        exeat.process.send_signal(signal.SIGHUP)
        assert kept.response().status == 200
    after = workers(exeat, instead=before.values(), limit=40)
    stop.set()
    asking.join(5)
    assert set(after) == {"w0_2", "w1_2", "w2_2"}
    assert len(answers) > 10
    assert set(answers) == {200}
    assert not any(alive(pid) for pid in before.values())


def test_asked_to_end_they_let_a_request_finish(exeat, mission, origin):
    pids = workers(exeat).values()
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        origin.wait_for()
        exeat.process.send_signal(signal.SIGTERM)
        assert wire.response().status == 200
    assert exeat.process.wait(10) == 0
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(OSError), Wire(exeat):
        pass
    exeat.start()


def test_a_rule_that_fires_in_one_worker_ends_the_mission_in_all(exeat, origin):
    workers(exeat)
    mission = exeat.open()
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(tunnel(exeat, mission)) for _ in range(6)]
        assert [wire.request("GET", "/v1/refunds", host=HOST).status for wire in wires] == [200] * 6
        refused(ask(exeat, mission, "GET", f"/v1/refunds?note={SHARED_KEY.encode().hex()}"), "mission_ended")
        deadline = time.monotonic() + 5
        while not exeat.audit_records("mission", event="revoke_applied", mission=mission["mission"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        origin.wait_quiet()
        count = len(origin.requests)
        assert {wire.request("GET", "/v1/refunds", host=HOST).status for wire in wires} <= {0, 403}
        assert len(origin.requests) == count
    [fired] = exeat.audit_records("mission", event="deviation", mission=mission["mission"], rule="secret-in-body")
    assert (fired["rule"], fired["evidence"]["name"]) == ("secret-in-body", "example")
    for _ in range(6):
        refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")
