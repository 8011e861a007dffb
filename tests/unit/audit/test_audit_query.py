"""Questions to the log: time order over chains, filters, one decision, the newest, and what comes next."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exeat.audit.query import find, follow, last, newest, records, tail
from exeat.errors import UnavailableError

AGENT = "spiffe://exeat.internal/env/prod/agent/invoice-bot"


def ids(found):
    return [record["decision_id"] for record in found]


@pytest.fixture
def two(trail):
    """Two workers that took turns, then a third that started later."""
    logs = [trail.open(worker="w0", max_bytes=1000), trail.open(worker="w1")]
    for number in range(10):
        trail.clock.now += 0.5
        trail.pair(logs[number % 2], number, "permit" if number % 3 == 0 else "deny", agent=AGENT, enforced=True)
    trail.clock.now += 5
    trail.pair(trail.open(worker="w2"), 10, policies=["a.cedar:1 x", "b.cedar:2 y"], credential={"state": "shared"})
    return trail


def test_records_come_in_time_order_over_all_chains(two):
    found = list(records(two.folder))
    assert len(found) == 11 + 5
    assert [record["time"] for record in found] == sorted(record["time"] for record in found)
    assert ids(records(two.folder, filters={"kind": "decision"})) == [f"d{number}" for number in range(11)]


def test_newest_first_is_the_same_backwards(two):
    forwards = ids(records(two.folder, filters={"kind": "decision"}))
    assert ids(newest(two.folder, filters={"kind": "decision"})) == forwards[::-1]


def test_since_leaves_out_what_is_older(two):
    start = two.clock.now - 5
    assert ids(records(two.folder, since=start)) == ["d9", "d9", "d10", "d10"]
    assert ids(records(two.folder, since=two.clock.now)) == ["d10", "d10"]
    assert list(records(two.folder, since=two.clock.now + 1)) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"decision_id": "d3"}, 2),
        ({"decision": "permit", "agent": AGENT}, 4),
        ({"agent": "invoice-bot"}, 10),
        ({"agent": "prod/invoice-bot"}, 10),
        ({"agent": "staging/invoice-bot"}, 0),
        ({"agent": "bot"}, 0),
        ({"chain.worker": "w2"}, 2),
        ({"credential.state": "shared"}, 1),
        ({"policies": "b.cedar:2 y"}, 1),
        ({"enforced": "true"}, 10),
        ({"status": "200"}, 5),
        ({"unknown": ""}, 0),
        ({"kind.deeper": "x"}, 0),
    ],
)
def test_filters_hold_all_together(two, filters, expected):
    assert len(list(records(two.folder, filters=filters))) == expected


def test_a_decision_is_found_with_its_outcome(two):
    assert [record["kind"] for record in find(two.folder, "d0")] == ["decision", "outcome"]
    assert [record["kind"] for record in find(two.folder, "d1")] == ["decision"]
    assert [record["kind"] for record in find(two.folder, "d10")] == ["decision", "outcome"]
    assert find(two.folder, "d") == []
    assert find(two.folder, 'd1"') == []


def test_the_last_decision_is_the_newest_of_all_chains(two):
    assert last(two.folder)["decision_id"] == "d10"


def test_the_tail_is_the_newest_records_in_order(two):
    everything = list(records(two.folder))
    assert tail(two.folder, 5) == everything[-5:]
    assert tail(two.folder, 1000) == everything
    assert tail(two.folder, 0) == []
    assert ids(tail(two.folder, 2, filters={"decision": "deny"})) == ["d7", "d8"]


def test_an_empty_or_absent_folder_holds_nothing(trail):
    assert list(records(trail.folder)) == []
    assert last(trail.folder) is None
    trail.open()
    assert tail(trail.folder, 3) == []
    assert find(trail.folder, "d1") == []


def test_what_is_no_record_is_passed_over(two):
    path = two.files()[-1]
    with path.open("ab") as file:
        file.write(b'\n[1]\nrubbish\n\xff\n{"half":')
    assert last(two.folder)["decision_id"] == "d10"
    assert len(list(records(two.folder))) == 16


def test_a_folder_that_cannot_be_read_is_unavailable(trail):
    trail.folder.write_text("not a folder")
    for question in (lambda: list(records(trail.folder)), lambda: last(trail.folder), lambda: find(trail.folder, "d")):
        with pytest.raises(UnavailableError):
            question()


def test_follow_yields_what_comes_and_nothing_older_and_stops(two):
    stop = threading.Event()
    log = two.logs[0]
    seen = []

    def write():
        two.pair(log, 20, "deny")
        two.pair(two.open(worker="w3"), 21)

    timer = threading.Timer(0.1, write)
    timer.start()
    for record in follow(two.folder, poll=0.01, stop=stop):
        seen.append(record["decision_id"])
        if len(seen) == 3:
            stop.set()
    timer.join(5)
    assert seen == ["d20", "d21", "d21"]


def test_follow_waits_for_the_rest_of_a_line_and_survives_its_withdrawal(trail):
    log = trail.open()
    trail.pair(log, 1, "deny")
    (path,) = trail.files()
    size = path.stat().st_size
    stop = threading.Event()
    following = follow(trail.folder, filters={"kind": "decision"}, poll=0.01, stop=stop)
    with path.open("ab") as file:
        file.write(b'{"kind":"decision","decision_id":"torn"')

    def withdraw():
        os.truncate(path, size)
        trail.pair(log, 2, "deny")

    timer = threading.Timer(0.1, withdraw)
    timer.start()
    assert next(following)["decision_id"] == "d2"
    timer.join(5)
    stop.set()
    assert list(following) == []


@given(
    plan=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20),
    n=st.integers(0, 25),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_view_shows_the_same_records_in_the_same_order(trails, plan, n):
    trail = trails()
    logs = {}
    for number, (worker, pause) in enumerate(plan):
        trail.clock.now += pause + 0.001  # no two at once, so that there is one right order
        if worker not in logs:
            logs[worker] = trail.open(worker=f"w{worker}", max_bytes=700)
        trail.pair(logs[worker], number, "deny")
    expected = [f"d{number}" for number in range(len(plan))]
    assert ids(records(trail.folder)) == expected
    assert ids(newest(trail.folder)) == expected[::-1]
    assert ids(tail(trail.folder, n)) == expected[max(0, len(expected) - n) :]
