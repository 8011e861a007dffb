"""``kill -9`` of the serving process at chosen points and at random ones: no written record is lost, and it revives clean.

After each: the audit verifies, with at most a hint that the chain wasn't closed; every answered request has its decision in
it; what was revoked stays revoked, what was open is open (R11).
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time

import pytest

from rig.wire import ask, refused, tunnel

HOST = "api.example.test"
WORLD = {"ports": True, "mint": True}


@pytest.fixture
def alive(exeat, world):
    """Killed or not, it serves again for the next test, and what it wrote is sound."""
    yield exeat
    world.heal()
    if exeat.process.poll() is not None:
        exeat.start()


def _killed(exeat):
    exeat.kill()
    assert exeat.process.returncode == -signal.SIGKILL


def _revived(exeat, world):
    world.heal()
    exeat.start()
    verified = exeat.cli("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _until(condition, limit=20.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.01)


def _in_background(work):
    def quietly():
        with contextlib.suppress(Exception):
            work()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    return thread


def _decision(exeat, mission):
    [decision] = exeat.audit_records("decision", mission=mission["mission"])
    assert decision["decision"] == "permit"
    return decision["decision_id"]


def test_between_the_record_and_the_dial(alive, mission, origin, world):
    """Decided and written, then gone: an honest decision without outcome, and nothing at the origin."""
    world.slow_mint(True)
    thread = _in_background(lambda: ask(alive, mission, "GET", "/v1/refunds"))
    _until(world.minting)
    _killed(alive)
    thread.join(10)
    decision = _decision(alive, mission)
    _revived(alive, world)
    assert alive.audit_records("outcome", decision_id=decision) == []
    assert origin.connections == []
    assert ask(alive, mission, "GET", "/v1/refunds").status == 200


def test_in_the_middle_of_a_stream(alive, mission, origin, world):
    with tunnel(alive, mission) as wire:
        wire.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        seen = origin.wait_for()
        _killed(alive)
        assert not wire.response().complete
    _until(lambda: seen.connection.closed_at is not None)
    decision = _decision(alive, mission)
    _revived(alive, world)
    assert alive.audit_records("outcome", decision_id=decision) == [], "nobody claims to know what became of it"
    assert ask(alive, mission, "GET", "/v1/refunds").status == 200


@pytest.mark.parametrize("mode", ["partly", "late"])
def test_in_the_middle_of_an_append(alive, mission, origin, world, mode):
    """Half a line is on the disk when it dies: the chain ends before it, and the next boot begins one of its own."""
    assert ask(alive, mission, "GET", "/v1/refunds").status == 200
    before = alive.audit_records("decision", mission=mission["mission"])
    struck = len(world.struck())
    world.fault("disk", mode)
    thread = _in_background(lambda: ask(alive, mission, "GET", "/v1/refunds/7"))
    _until(lambda: len(world.struck()) > struck)
    _killed(alive)
    thread.join(10)
    _revived(alive, world)
    after = alive.audit_records("decision", mission=mission["mission"])
    assert after[: len(before)] == before
    assert len(origin.requests) <= len(after)
    assert ask(alive, mission, "GET", "/v1/refunds").status == 200


@pytest.mark.row("R11")
@pytest.mark.parametrize("port", ["store.replace", "feed"])
def test_in_the_middle_of_a_revocation(alive, mission, origin, world, port):
    """Before it was stored the mission lives on, and the call was never answered; after, it is dead at the next start."""
    assert ask(alive, mission, "GET", "/v1/refunds").status == 200
    struck = len(world.struck())
    world.fault(port, "hang")
    thread = _in_background(lambda: alive.end(mission))
    _until(lambda: len(world.struck()) > struck)
    _killed(alive)
    thread.join(10)
    _revived(alive, world)
    if port == "feed":
        refused(ask(alive, mission, "GET", "/v1/refunds"), "mission_ended")
    else:
        assert ask(alive, mission, "GET", "/v1/refunds").status == 200
        alive.end(mission)
    _killed(alive)
    _revived(alive, world)
    refused(ask(alive, mission, "GET", "/v1/refunds"), "mission_ended")


def test_in_the_middle_of_opening_a_mission(alive, world):
    """Stored or not, nobody has its pass: at the next start it is there to be closed, or not at all."""
    struck = len(world.struck())
    world.fault("feed", "hang")
    thread = _in_background(lambda: alive.open(purpose="never told"))
    _until(lambda: len(world.struck()) > struck)
    _killed(alive)
    thread.join(10)
    _revived(alive, world)
    listed = alive.admin("GET", "/v1/missions").ok()["missions"]
    for each in [each for each in listed if each.get("purpose") == "never told" and each["state"] == "open"]:
        alive.admin("POST", f"/v1/missions/{each['mission']}/close", {"reason": "test"}).ok()


def test_in_the_middle_of_the_first_start(make_exeat, origin, tmp_path):
    """Keys, tables and the first chain are being made: whenever it is killed, the next start finds its way."""
    exeat = make_exeat(origin)
    for moment in (0.15, 0.3, 0.45, 0.6, 0.8, 1.0):
        process = exeat.spawn()
        with contextlib.suppress(Exception):
            process.wait(moment)
        exeat.kill()
    exeat.start()
    assert ask(exeat, exeat.open(), "GET", "/v1/refunds").status == 200
    assert exeat.cli("audit", "verify").returncode == 0


def test_at_random_under_load(alive, mission, origin, world):
    """What a caller was answered is in the audit, whenever it died."""
    chance = random.Random(7)
    for _ in range(3):
        answered: list[int] = []
        stop = threading.Event()

        def hammer(seen=answered, over=stop):
            while not over.is_set():
                with contextlib.suppress(OSError, AssertionError), tunnel(alive, mission) as wire:
                    while not over.is_set():
                        answer = wire.request("GET", "/v1/refunds", host=HOST)
                        if answer.status != 200:
                            break
                        seen.append(1)

        threads = [_in_background(hammer) for _ in range(3)]
        _until(lambda seen=answered: len(seen) > 5)
        time.sleep(chance.uniform(0.0, 0.4))
        _killed(alive)
        stop.set()
        for thread in threads:
            thread.join(20)
        _revived(alive, world)
        decided = alive.audit_records("decision", mission=mission["mission"], decision="permit")
        assert len(decided) >= len(answered)
        assert len(origin.requests) <= len(decided)
        ended = {record["decision_id"] for record in alive.audit_records("outcome", mission=mission["mission"])}
        open_ends = [record for record in decided if record["decision_id"] not in ended]
        assert len(open_ends) <= 3 * 4, "at most what was under way has no outcome"
    assert ask(alive, mission, "GET", "/v1/refunds").status == 200


def test_a_checkpoint_under_way_when_it_dies(make_exeat, origin, tmp_path):
    """Checkpoints are a minute apart; one is also written at an orderly end, which is where this one is killed."""
    from rig.faults import World

    world = World(tmp_path, ports=True)
    exeat = make_exeat(origin, change=world.install).start()
    mission = exeat.open()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    before = exeat.audit_records()
    world.fault("disk", "late")
    exeat.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    exeat.kill()
    world.heal()
    exeat.start()
    assert exeat.audit_records()[: len(before)] == before
    verified = exeat.cli("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
