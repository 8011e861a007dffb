"""Revoked, expired, replaced, restarted: at whatever moment, nothing more is handed to an origin once the call has returned."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rig.account import completed, decisions, outcome_of, untouched
from rig.faults import World
from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, SLOW = "api.example.test", "slow.example.test"
REQUESTS = 1000


class SilentOrigin:
    """Accepts connections and says nothing: TLS with it never begins. ``received`` is what it was sent."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.accepted, self.ended, self.received = threading.Event(), threading.Event(), b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted.set()
                with suppress(OSError), sock:
                    while data := sock.recv(65536):
                        self.received += data
                self.ended.set()

    def close(self):
        self._listener.close()


@pytest.fixture(scope="module")
def silent():
    made = SilentOrigin()
    yield made
    made.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"), mint=True)


@pytest.fixture(scope="module")
def config(config, world, silent):
    world.install(config)
    config.allow(SLOW, local=silent.port)
    return config


@pytest.fixture(autouse=True)
def _healed(world):
    yield
    world.slow_mint(False)


def _late(origin, moment):
    """Connections that got a byte after ``moment``, give or take the kernel's own hand-over."""
    origin.wait_quiet()
    return [seen for seen in origin.connections if (seen.last_byte_at or 0) > moment + 0.05]


@contextmanager
def _minting(exeat, mission, world, *, http2):
    """A request whose token is being minted, for as long as the connection is held open."""
    world.slow_mint(True)
    with H2Wire(exeat, mission) if http2 else tunnel(exeat, mission) as wire:
        if http2:
            wire.open("GET", "/v1/refunds")
        else:
            wire.send(f"GET /v1/refunds HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        _until(world.minting)
        yield


def _until(condition, limit=5.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


@pytest.mark.row("R01", "R02")
@pytest.mark.parametrize("verb", ["revoke", "close", "suspend"])
def test_kept_connections_of_every_kind_are_of_no_use_afterwards(exeat, mission, origin, verb):
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with tunnel(exeat, mission) as one, H2Wire(exeat, mission) as two, Wire(exeat) as three:
        assert one.request("GET", "/v1/refunds", host=HOST).status == 200
        assert two.request("GET", "/v1/refunds").status == 200
        assert three.request("GET", "http://plain.example.test/echo", line, host="plain.example.test").status == 200
        exeat.end(mission, verb)
        count = len(origin.requests)
        assert one.request("GET", "/v1/refunds", host=HOST).status in {0, 403}
        with suppress(Exception):
            assert two.request("GET", "/v1/refunds").status in {0, 403}
        assert three.request("GET", "http://plain.example.test/echo", line, host="plain.example.test").status in {
            0,
            403,
        }
    origin.wait_quiet()
    assert len(origin.requests) == count == 3


@pytest.mark.row("R05")
@pytest.mark.guard("stamp-recheck-after-mint")
@pytest.mark.parametrize("http2", [False, True])
def test_between_decision_and_mint(exeat, mission, origin, world, http2):
    with _minting(exeat, mission, world, http2=http2):
        exeat.end(mission)
        world.slow_mint(False)
        time.sleep(0.2)
    untouched(origin)
    [record] = decisions(exeat, mission)
    assert (record["decision"], outcome_of(exeat, record)["outcome"]) == ("permit", "not_sent")


@pytest.mark.row("R05")
@pytest.mark.parametrize("verb", ["revoke", "suspend"])
def test_between_mint_and_send(exeat, mission, silent, verb):
    """Decided, minted and dialled; the origin's TLS isn't finished when the revoke comes: the request never leaves."""
    silent.accepted.clear()
    silent.ended.clear()
    with tunnel(exeat, mission, SLOW) as wire:
        wire.send(f"GET / HTTP/1.1\r\nHost: {SLOW}\r\n\r\n")
        assert silent.accepted.wait(5)
        exeat.end(mission, verb)
        sent = len(silent.received)
        assert wire.response().status in {0, 403}
    assert silent.ended.wait(5), "the connection to the origin was left open"
    assert len(silent.received) == sent
    assert b"GET" not in silent.received
    [record] = decisions(exeat, mission)
    assert (record["decision"], outcome_of(exeat, record)["outcome"]) == ("permit", "not_sent")


@pytest.mark.row("R05")
def test_between_the_head_and_the_body(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n")
        origin.wait_for()
        exeat.end(mission)
        returned = time.monotonic()
        wire.send("x" * 1000)
        time.sleep(0.1)
    assert _late(origin, returned) == []
    assert not origin.last.complete
    assert outcome_of(exeat, decisions(exeat, mission)[0])["outcome"] == "unknown"


@pytest.mark.row("R06")
@pytest.mark.parametrize("http2", [False, True])
def test_an_agent_that_goes_away_while_its_token_is_minted(exeat, mission, origin, world, http2):
    """The token reaches nobody: nothing is dialled for it, and what became of it is on record."""
    with _minting(exeat, mission, world, http2=http2):
        pass
    time.sleep(0.2)
    world.slow_mint(False)
    [record] = decisions(exeat, mission)
    outcome = outcome_of(exeat, record)
    assert (record["decision"], outcome["outcome"]) == ("permit", "not_sent")
    time.sleep(0.2)
    untouched(origin)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200, "others go on"


@pytest.mark.row("R06")
def test_a_stream_reset_while_its_token_is_minted_ends_alone(exeat, mission, origin, world):
    world.slow_mint(True)
    with H2Wire(exeat, mission) as wire:
        number = wire.open("GET", "/v1/refunds/gone")
        _until(world.minting)
        wire.reset(number)
        wire.pump(0.2, lambda: False)
        world.slow_mint(False)
        assert wire.request("GET", "/v1/refunds/here").status == 200
    completed(origin, "/v1/refunds/here")
    gone = next(record for record in decisions(exeat, mission, 2) if record["path"].endswith("gone"))
    assert outcome_of(exeat, gone)["outcome"] == "not_sent"


@pytest.mark.row("R08")
def test_a_pass_of_another_installation_a_changed_one_and_none_at_all(exeat, mission, origin, make_exeat):
    other = make_exeat(origin).start()
    foreign = other.open()["pass"]
    changed = mission["pass"][:-6] + ("AAAAAA" if mission["pass"][-6:] != "AAAAAA" else "BBBBBB")
    for shown in (foreign, changed, mission["pass"] + "x", mission["pass"].rsplit(".", 1)[0] + "."):
        with Wire(exeat) as wire:
            refused(wire.connect(f"{HOST}:443", shown), "identity_invalid", status=407)
    untouched(origin)


@pytest.mark.row("R08")
def test_a_pass_works_for_its_session_and_nowhere_else(exeat, mission, origin):
    """It is shown again for every connection, from wherever its agent runs, until its mission ends; and is no admin's token."""
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    for source in ("127.0.0.1", "127.0.0.2"):
        with Wire(exeat, source=source) as wire:
            answer = wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test")
            assert answer.status == 200
            assert origin.last.one("exeat-mission") == mission["mission"]
    assert exeat.admin("GET", "/v1/missions", token=mission["pass"]).status == 401
    exeat.end(mission)
    for source in ("127.0.0.1", "127.0.0.2"):
        with Wire(exeat, source=source) as wire:
            refused(
                wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test"), "mission_ended"
            )
    assert len(origin.requests) == 2


@pytest.mark.row("R08")
def test_a_pass_after_its_end_is_of_no_use(exeat, origin):
    short = exeat.open(ttl="1s")
    origin.clear()
    with tunnel(exeat, short) as wire:
        time.sleep(1.3)
        answer = wire.request("GET", "/v1/refunds", host=HOST)
        assert answer.closed or answer.code == "mission_ended"
    with Wire(exeat) as wire:
        answer = wire.connect(f"{HOST}:443", short["pass"])
        assert answer.status in {200, 403, 407}
    untouched(origin)


@pytest.mark.row("R09")
@pytest.mark.parametrize("http2", [False, True])
def test_policies_that_change_or_break_under_an_open_connection(exeat, mission, origin, http2):
    """Each request asks the newest good policies; a bad set changes nothing, an empty one permits nothing."""
    site, grant = exeat.folder / "policies" / "site.cedar", exeat.folder / "policies" / "grant.cedar"
    before, granted = site.read_text(), grant.read_text()

    def becomes(status):
        deadline = time.monotonic() + 8
        while (found := get()) != status:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def get():
        return (
            wire.request("GET", "/v1/refunds").status if http2 else wire.request("GET", "/v1/refunds", host=HOST).status
        )

    with H2Wire(exeat, mission) if http2 else tunnel(exeat, mission) as wire:
        try:
            assert get() == 200
            site.write_text(
                before + '@id("stop")\nforbid (principal, action == Action::"example:refunds/list", resource);\n'
            )
            becomes(403)
            site.write_text("permit (principal, action, resource) when { this is no policy")
            time.sleep(0.8)
            assert get() == 403, "a bad set took the forbid away"
            site.write_text(before)
            becomes(200)
            grant.unlink()
            site.write_text("// nothing\n")
            time.sleep(0.8)
            assert get() in {200, 403}
        finally:
            site.write_text(before)
            grant.write_text(granted)
        becomes(200)


def _with_clock(off):
    """The serving process's wall clock is off by what the file says."""
    off.write_text("0")

    def wrong(config):
        inside = str(Path(__file__).parents[1] / "rig" / "inside_clock")
        config.environ |= {
            "RIG_CLOCK": str(off),
            "PYTHONPATH": os.pathsep.join(filter(None, (inside, os.environ.get("PYTHONPATH")))),
        }

    return wrong


@pytest.mark.row("R10")
def test_a_clock_that_jumps(make_exeat, origin, tmp_path):
    """Ahead: everything is over, at once. Behind: what was issued 'in the future' isn't believed. A little: nothing happens."""
    off = tmp_path / "off"
    exeat = make_exeat(origin, change=_with_clock(off)).start()
    mission, unseen = exeat.open(ttl="30m"), exeat.open(ttl="30m", agent="report-bot")
    for seconds, code in ((20, ""), (-20, ""), (-3600, "identity_invalid"), (0, "")):
        off.write_text(str(seconds))
        with Wire(exeat) as wire:
            answer = wire.connect(f"{HOST}:443", (unseen if code else mission)["pass"])
            assert answer.status == (407 if code else 200)
            assert not code or answer.code == code
    origin.clear()
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        origin.wait_for()
        off.write_text("1860")
        assert not wire.response(limit=5).complete
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")
    off.write_text("0")  # what is over stays over
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")


@pytest.mark.row("R10")
@pytest.mark.guard("clock-set-back")
@pytest.mark.guard("clock-set-back-ends")
def test_a_clock_set_back_prolongs_nothing(make_exeat, origin, tmp_path):
    """Not for requests on open connections, and not for streams under way; a mission that is extended meanwhile goes on."""
    off = tmp_path / "off"
    exeat = make_exeat(origin, change=_with_clock(off)).start()
    began = time.monotonic()
    mission, kept = exeat.open(ttl="5s"), exeat.open(ttl="30m")
    with tunnel(exeat, mission) as asking, tunnel(exeat, mission) as streaming, tunnel(exeat, kept) as near:
        assert asking.request("GET", "/v1/refunds", host=HOST).status == 200
        assert near.request("GET", "/v1/refunds", host=HOST).status == 200
        streaming.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        off.write_text("-600")
        exeat.admin("POST", f"/v1/missions/{kept['mission']}/extend", {"ttl": "50m"}).ok()
        while time.monotonic() - began < 4.6:
            assert asking.request("GET", "/v1/refunds", host=HOST).status == 200
            time.sleep(0.1)
        time.sleep(max(0.0, began + 5.2 - time.monotonic()))
        count = len(origin.requests)
        answer = asking.request("GET", "/v1/refunds", host=HOST)
        assert answer.closed or answer.code == "mission_ended"
        assert not streaming.response(limit=3).complete
        assert len(origin.requests) == count
        assert near.request("GET", "/v1/refunds", host=HOST).status == 200
    view = exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()
    assert (view["state"], view["cause"]) == ("expired", "time")


@pytest.mark.row("R11")
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_what_was_revoked_stays_revoked_after_a_restart(make_exeat, origin, how):
    exeat = make_exeat(origin).start()
    ended, kept = exeat.open(), exeat.open(agent="report-bot")
    exeat.end(ended)
    getattr(exeat, how)()
    origin.clear()
    exeat.start()
    refused(ask(exeat, ended, "GET", "/v1/refunds"), "mission_ended", status=403)
    untouched(origin)
    assert ask(exeat, kept, "GET", "/v1/refunds").status == 200
    assert exeat.cli("audit", "verify").returncode == 0


@pytest.mark.row("R12")
@pytest.mark.guard("revoke-reset")
def test_a_thousand_requests_with_a_revoke_in_their_midst(exeat, mission, origin):
    """Twenty connections, HTTP/1.1 and HTTP/2, and a bystander's: no byte of the mission after the call has returned."""
    other = exeat.open(agent="report-bot")
    tickets, lock = iter(range(REQUESTS)), threading.Lock()
    statuses: list[int] = []
    others: list[int] = []

    def one():
        with lock:
            return next(tickets, None)

    def http1():
        while one() is not None:
            with suppress(OSError, AssertionError), tunnel(exeat, mission) as wire:
                while wire.request("POST", "/upload", host=HOST, body=b"x" * 2000).status and one() is not None:
                    statuses.append(1)

    def http2():
        while one() is not None:
            with suppress(Exception), H2Wire(exeat, mission) as wire:
                while not wire.closed and one() is not None:
                    numbers = [wire.open("GET", "/v1/refunds") for _ in range(4) if one() is not None]
                    statuses.extend(wire.finish(number, 3).status for number in numbers)

    def bystander():
        with tunnel(exeat, other) as wire:
            while not done.is_set():
                others.append(wire.request("GET", "/v1/refunds", host=HOST).status)

    done = threading.Event()
    threads = [threading.Thread(target=target, daemon=True) for target in [http1] * 10 + [http2] * 10]
    watching = threading.Thread(target=bystander, daemon=True)
    for thread in (watching, *threads):
        thread.start()
    _until(lambda: len(origin.requests) > 200, 60)
    ours = {id(seen.connection) for seen in origin.requests if mission["mission"] in seen.header("exeat-mission")}
    exeat.end(mission)
    returned = time.monotonic()
    passed = len(others)
    for thread in threads:
        thread.join(60)
    _until(lambda: len(others) > passed, 10)
    done.set()
    watching.join(10)
    late = [
        seen for seen in origin.requests
        if seen.at > returned + 0.05 and mission["mission"] in seen.header("exeat-mission")
    ]  # fmt: skip
    assert late == []
    assert [
        seen for seen in origin.connections if id(seen) in ours and (seen.last_byte_at or 0) > returned + 0.05
    ] == []
    assert set(others) == {200}
    permits = exeat.audit_records("decision", mission=mission["mission"], decision="permit")
    _until(lambda: len(exeat.audit_records("outcome", mission=mission["mission"])) >= len(permits))
    arrived = sum(mission["mission"] in seen.header("exeat-mission") for seen in origin.requests)
    told = [record["outcome"] for record in exeat.audit_records("outcome", mission=mission["mission"])]
    assert arrived <= told.count("sent") + told.count("unknown")
